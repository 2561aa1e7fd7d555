"""PostgreSQL: connections, statements, migrations. The only package that imports psycopg."""
