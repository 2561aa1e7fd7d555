"""The column ``missing`` of statements, which names the part of a path that does not exist."""

from dreamlake_assets.errors import AssetNotFound, EpisodeNotFound, NotFound, ProjectNotFound

_NOT_FOUND: dict[str, type[NotFound]] = {
    "project": ProjectNotFound,
    "episode": EpisodeNotFound,
    "asset": AssetNotFound,
}


def require_found(missing: str | None) -> None:
    """Do nothing where the whole path exists.

    :param missing: ``project``, ``episode``, ``asset``, or None.
    :raises NotFound: the part that is missing.
    """
    if missing is not None:
        raise _NOT_FOUND[missing]
