"""The registry of the assets of DreamLake: videos, audio, label tracks, text tracks, images.

A request travels from :mod:`.routes` (validate, call the store, answer) through :mod:`.store` (one
function per operation) to the hand-written statements in ``sql/``, which :mod:`.db` runs.
"""

from dreamlake_assets.app import create_app

__all__ = ["create_app"]
__version__ = "0.2.0"
