"""The local stack: PostgreSQL, S3, BSS and the service on one machine, for development."""
