"""Whether the process lives, and whether it can do its work. No token is asked for."""

from flask import Blueprint, Response

from dreamlake_assets.database import migrations
from dreamlake_assets.errors import SchemaBehind
from dreamlake_assets.routes.request import json_answer
from dreamlake_assets.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """Answer while the process serves."""
    return json_answer({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer with 200, or with 503 and what is missing: the database, or migrations."""
    if not services().database.probe(migrations.is_current):
        raise SchemaBehind
    return json_answer({"status": "ok"})
