"""The column ``missing`` of statements: the part of a path that does not exist."""

from dreamlake_assets.errors import AssetNotFound, EpisodeNotFound, NotFound, ProjectNotFound

_NOT_FOUND: dict[str, type[NotFound]] = {
    "project": ProjectNotFound,
    "episode": EpisodeNotFound,
    "asset": AssetNotFound,
}


def require_found(missing: str | None) -> None:
    """Raise an error if a part of a path does not exist.

    :param missing: ``project``, ``episode``, ``asset``, or None if the whole path exists.
    :raises NotFound: the part does not exist.
    """
    if missing is not None:
        raise _NOT_FOUND[missing]
