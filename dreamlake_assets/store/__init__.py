"""One function per operation; the connection comes first, the rest by keyword."""

from dreamlake_assets.store import asset, listing, namespace

__all__ = ["asset", "listing", "namespace"]
