"""Metrics, for whoever runs the service and not for its clients: they have a token of their own."""

from flask import Blueprint, Response, request

from dreamlake_assets.auth import bearer_token
from dreamlake_assets.errors import NotFound, Unauthenticated
from dreamlake_assets.services import services

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Answer with the metrics of all workers; with 404 where nobody may read them."""
    metrics = services().metrics
    if metrics is None:
        raise NotFound
    if not metrics.permits(bearer_token(request.headers.get("Authorization"))):
        raise Unauthenticated(token_given="Authorization" in request.headers)
    return Response(metrics.page(), content_type=metrics.CONTENT_TYPE)
