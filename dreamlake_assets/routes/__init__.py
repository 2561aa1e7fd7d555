"""The routes. Each one validates the request, calls the store and builds the response."""

from flask import Flask
from werkzeug.routing import BaseConverter

from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.routes import (
    all_kinds,
    assets,
    batches,
    changes,
    documentation,
    downloads,
    health,
    identity,
    many,
    metrics,
    places,
)


class KindConverter(BaseConverter):
    """The converter of ``<kind:kind>``, which matches the names of kinds and nothing else."""

    # A ValidationError in to_python() would come too late: the rule of another method would match,
    # and the response to an unknown kind would be 405.
    regex = "|".join(KINDS)

    def to_python(self, value: str) -> Kind:
        """Return the kind with a name."""
        return KINDS[value]

    def to_url(self, value: Kind) -> str:
        """Return the name of a kind."""
        return value.name


def install(app: Flask) -> None:
    """Register all routes with an application."""
    app.url_map.converters["kind"] = KindConverter
    for module in (
        all_kinds,
        assets,
        batches,
        changes,
        downloads,
        many,
        places,
        identity,
        health,
        metrics,
        documentation,
    ):
        app.register_blueprint(module.blueprint)
