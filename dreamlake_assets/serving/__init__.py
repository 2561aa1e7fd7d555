"""The layer between gunicorn and Flask: the worker, logs, metrics and response headers."""
