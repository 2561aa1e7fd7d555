"""The counting proxy, between psycopg and a real PostgreSQL."""
