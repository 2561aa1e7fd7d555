"""The routes; every one of them validates, calls the store, and answers."""

from flask import Flask
from werkzeug.routing import BaseConverter

from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.routes import assets, documentation, health, identity, metrics


class KindConverter(BaseConverter):
    """``<kind:kind>`` in a rule: the kinds that exist, and no other word."""

    # A ValidationError from to_python() would come too late: a rule for another method has matched
    # by then, and the answer would be 405.
    regex = "|".join(KINDS)

    def to_python(self, value: str) -> Kind:
        """The kind of a part of an address."""
        return KINDS[value]

    def to_url(self, value: Kind) -> str:
        """The part of an address of a kind."""
        return value.name


def install(app: Flask) -> None:
    """Add the routes to an application."""
    app.url_map.converters["kind"] = KindConverter
    for module in (assets, identity, health, metrics, documentation):
        app.register_blueprint(module.blueprint)
