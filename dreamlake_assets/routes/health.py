"""Health checks for liveness and readiness. They need no token."""

from flask import Blueprint, Response

from dreamlake_assets.database import migrations
from dreamlake_assets.database.statements import takes_writes
from dreamlake_assets.errors import SchemaBehind
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
    database = services().database
    if not database.probe(migrations.is_current):
        raise SchemaBehind
    if not database.probe(takes_writes):
        return json_response({"status": "ok", "writes": "read_only"})
    return json_response({"status": "ok"})
