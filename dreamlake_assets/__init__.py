"""The registry of DreamLake's assets: videos, audio, label tracks, text tracks, images and files.

A request passes from :mod:`.routes` (validate, call the store, respond) through :mod:`.store` (one
function per operation) to the hand-written statements of ``sql/``, which :mod:`.database` runs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreamlake_assets.app import create_app

__all__ = ["create_app"]
__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Import the application factory on first use: the command line does not need Flask."""
    if name == "create_app":
        from dreamlake_assets.app import create_app  # noqa: PLC0415

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
