"""The column ``missing`` of statements: the part of a path that does not exist."""

from dreamlake_assets.errors import (
    AssetNotFound,
    AssetsError,
    EpisodeNotFound,
    Forbidden,
    ProjectNotFound,
)

_ERRORS: dict[str, type[AssetsError]] = {
    "project": ProjectNotFound,
    "episode": EpisodeNotFound,
    "asset": AssetNotFound,
    "writer": Forbidden,
}


def require_found(missing: str | None) -> None:
    """Raise an error if a part of a path does not exist.

    :param missing: ``project``, ``episode``, ``asset``, ``writer`` (the right to write), or None.
    :raises NotFound: the part does not exist.
    :raises Forbidden: the subject may not write to the namespace.
    """
    if missing is not None:
        raise _ERRORS[missing]
