"""PostgreSQL: connections, statements and migrations. Only this package imports psycopg."""
