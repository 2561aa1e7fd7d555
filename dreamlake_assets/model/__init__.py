"""The domain model: kinds, names, globs, ids, cursors and fields. It does no I/O."""
