"""The vocabulary of the service: kinds, names, globs, ids, cursors and fields, without any I/O."""
