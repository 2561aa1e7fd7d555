"""The registry of DreamLake's assets: videos, audio, label tracks, text tracks and images.

A request travels from :mod:`.routes` (validate, call the store, answer) through :mod:`.store` (one
function per operation) to the hand-written statements of ``sql/``, which :mod:`.database` runs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreamlake_assets.app import create_app

__all__ = ["create_app"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load the application factory on first use: the command line needs no Flask."""
    if name == "create_app":
        from dreamlake_assets.app import create_app  # noqa: PLC0415

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
