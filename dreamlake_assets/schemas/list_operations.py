"""The operations of the OpenAPI document that list something."""

from typing import Any

from dreamlake_assets import errors
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.schemas import queries
from dreamlake_assets.schemas.operation_parts import (
    NOT_MODIFIED,
    any_kind,
    array,
    example_of,
    headers_named,
    json_response,
    operation,
    query,
    title,
)

_Object = dict[str, Any]

_NDJSON = (
    "With `Accept: application/x-ndjson`, each item is a line; the last line is"
    ' `{"end": true, "count": <items>}`, which a list that was cut off lacks.'
)
_PAGES = f"Returns one page if `limit` is given, and all otherwise. {_NDJSON}"
_ORDER = (
    "Assets are ordered by the bytes of their names, then by id; assets without a name come last."
    " Pages neither skip nor repeat an asset while others are registered. An asset must match every"
    " filter."
)

_FAILURES = (
    *(errors.Unauthenticated, errors.Unavailable, errors.DatabaseUnavailable),
    *(errors.DatabaseTimeout, errors.Overloaded, errors.InvalidRequest, errors.UrlTooLong),
    errors.NamespaceNotFound,
)
_IN_PROJECT = (*_FAILURES, errors.ProjectNotFound)
_IN_EPISODE = (*_IN_PROJECT, errors.EpisodeNotFound)


def of_kind(kind: Kind, schema: _Object) -> _Object:
    """Return the operation that lists the assets of a kind.

    :param schema: the component schemas of the document, by name.
    """
    return operation(
        f"list{title(kind)}s",
        kind.name,
        "List assets",
        f"{_PAGES} {_ORDER}",
        parameters=query(queries.LIST),
        success=array(title(kind), _item(schema[title(kind)], kind)),
        failures=_IN_EPISODE,
    )


def of_all_kinds(schema: _Object) -> dict[str, _Object]:
    """Return the operations on assets of any kind, by path and method.

    :param schema: the component schemas of the document, by name.
    """
    video = KINDS["video"]
    known = {**video.sample, "kind": video.name}
    listed = operation(
        "listAssets",
        "assets",
        "List assets of all kinds",
        f"{_PAGES} {_ORDER} An item is that of the list of its kind, with `kind` and `episodeId`.",
        parameters=query(queries.ALL_KINDS),
        success=array(any_kind("Listed{}"), _item(schema["ListedVideo"], video)),
        failures=_IN_EPISODE,
    )
    found = operation(
        "lookUpAsset",
        "assets",
        "Get an asset by its name",
        "Returns all fields of the asset with this name that was registered last, whatever its"
        " kind. The `ETag` also names the asset, so it changes with a newer asset of this name, and"
        " `If-Match` takes it for this asset only.",
        parameters=[*query(queries.LOOKUP), "If-Match", "If-None-Match"],
        success=json_response(
            200,
            any_kind("Whole{}"),
            example_of(schema["WholeVideo"], known),
            headers=("ETag", "Content-Location"),
        )
        | {"304": {**NOT_MODIFIED["304"], "headers": headers_named("ETag", "Content-Location")}},
        failures=(*_IN_EPISODE, errors.AssetNotFound, errors.PreconditionFailed),
    )
    return {"/assets": {"get": listed}, "/assets/lookup": {"get": found}}


def _item(schema: _Object, kind: Kind) -> _Object:
    """Return an example of an item, without the fields of the full view."""
    required = {name: schema["properties"][name] for name in schema["required"]}
    return example_of({"properties": required}, {**kind.sample, "kind": kind.name})


def of_places(schema: _Object) -> dict[str, _Object]:
    """Return the operations that list projects, episodes and folders, by path and method.

    :param schema: the component schemas of the document, by name.
    """
    lists = (
        (
            "Project",
            "Lists the projects of a namespace, ordered by the bytes of their slugs.",
            queries.PROJECTS,
            _FAILURES,
        ),
        (
            "Episode",
            "Lists the episodes of a project, ordered by the bytes of their names.",
            queries.EPISODES,
            _IN_PROJECT,
        ),
        (
            "Folder",
            "Lists the folders directly in a folder, ordered by the bytes of their paths.",
            queries.FOLDERS,
            _IN_EPISODE,
        ),
    )
    return {
        f"/assets/{name.lower()}s": {
            "get": operation(
                f"list{name}s",
                "places",
                f"List {name.lower()}s",
                f"{description} {_PAGES}",
                parameters=query(schema_of_query),
                success=array(name, example_of(schema[name], {})),
                failures=failures,
            )
        }
        for name, description, schema_of_query, failures in lists
    }
