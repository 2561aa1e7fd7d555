"""Routes that list projects, episodes and folders."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Response

from dreamlake_assets import store
from dreamlake_assets.database.connection import Row
from dreamlake_assets.routes import lists
from dreamlake_assets.routes.request import authenticated_subject, query_string, validated
from dreamlake_assets.schemas import queries, requests
from dreamlake_assets.store.lists import Listing

blueprint = Blueprint("places", __name__, url_prefix="/assets")


@blueprint.get("/projects")
def list_projects() -> Response:
    """List the projects of a namespace."""
    return _list("projects", queries.PROJECTS, store.places.projects, _projects)


@blueprint.get("/episodes")
def list_episodes() -> Response:
    """List the episodes of a project."""
    return _list("episodes", queries.EPISODES, store.places.episodes, _episodes)


@blueprint.get("/folders")
def list_folders() -> Response:
    """List the folders directly in a folder."""
    return _list("folders", queries.FOLDERS, store.places.folders, _folders)


def _list(
    of: str,
    schema: requests.RequestSchema,
    listing: Callable[..., Listing],
    items: Callable[[Iterable[Row]], list[dict[str, Any]]],
) -> Response:
    subject = authenticated_subject()
    given = query_string()
    query = validated(schema, given)
    limit, _ = query.pop("limit"), query.pop("cursor")
    after = lists.position(of, given)
    found = listing(subject=subject, after=after, **query)
    return lists.response(of, given, limit, found, items)


def _projects(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [
        {"id": space_id, "name": slug, "createdAt": created_at}
        for space_id, slug, created_at, _ in rows
    ]


def _episodes(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [
        {"id": episode_id, "projectId": space_id, "name": name, "createdAt": created_at}
        for episode_id, name, space_id, created_at, _ in rows
    ]


def _folders(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [{"name": path, "nodeId": node_id} for node_id, path, _ in rows]
