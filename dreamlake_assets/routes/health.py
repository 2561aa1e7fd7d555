"""Health checks for liveness and readiness. They need no token."""

from flask import Blueprint, Response

from dreamlake_assets.database import migrations
from dreamlake_assets.routes.request import json_response
from dreamlake_assets.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """Return 200 while the process serves requests."""
    return json_response({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Return 200, or 503 if the database is unavailable or lacks migrations.

    A database that takes no writes is ready: a load balancer would take the reads away, too.
    """
    takes_writes = services().database.probe(migrations.check_ready)
    return json_response({"status": "ok"} | ({} if takes_writes else {"writes": "read_only"}))
