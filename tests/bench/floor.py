"""One empty route of Flask, served by gunicorn's own worker: the floor of ``GET /livez``.

This module is the application and the configuration of gunicorn.
"""

import os

from flask import Flask, Response

bind = f"127.0.0.1:{os.environ['PORT']}"
worker_class = "gthread"
workers = os.cpu_count()
threads = 8
keepalive = 75

app = Flask(__name__)


@app.get("/livez")
@app.get("/readyz")
def empty() -> Response:
    """Return 200."""
    return Response(b'{"status":"ok"}', mimetype="application/json")
