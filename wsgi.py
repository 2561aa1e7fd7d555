"""The application for a WSGI server: ``gunicorn wsgi:app``."""

from dreamlake_assets import create_app

app = create_app()
