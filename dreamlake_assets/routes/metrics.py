"""Route of the metrics. Its token is DREAMLAKE_METRICS_TOKEN; tokens of clients are refused."""

from flask import Blueprint, Response, request

from dreamlake_assets.auth import bearer_token
from dreamlake_assets.errors import NotFound, Unauthenticated
from dreamlake_assets.services import services

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the metrics of all workers, or 404 if DREAMLAKE_METRICS_TOKEN is not set."""
    metrics = services().metrics
    if metrics is None:
        raise NotFound
    if not metrics.permits(bearer_token(request.headers.get("Authorization"))):
        raise Unauthenticated(token_given="Authorization" in request.headers)
    return Response(metrics.page(), content_type=metrics.CONTENT_TYPE)
