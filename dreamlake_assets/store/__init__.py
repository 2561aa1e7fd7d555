"""The operations on assets and namespaces: one function each.

The connection comes first, all other parameters by keyword. ``subject`` is the ``sub`` claim of the
caller's token; ``namespace`` and ``project`` are slugs. A subject sees only namespaces that it is a
member of. Each function may raise any error of :mod:`dreamlake_assets.database.sqlstates` besides
those that it documents.
"""

from dreamlake_assets.store import (
    asset,
    batch,
    change,
    download,
    listing,
    lists,
    many,
    namespace,
    places,
)

__all__ = [
    "asset",
    "batch",
    "change",
    "download",
    "listing",
    "lists",
    "many",
    "namespace",
    "places",
]
