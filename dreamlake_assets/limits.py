"""How large anything may be."""

#: Of a request's body, in bytes.
MAXIMUM_BODY_BYTES = 1024 * 1024
