"""The tenant of a statement, which a Citus cluster needs as a parameter."""

from dreamlake_assets.database.connection import Connection, is_cluster
from dreamlake_assets.database.statements import fetch_one

#: An id that no namespace has.
_NO_NAMESPACE = "00000000-0000-0000-0000-000000000000"


def tenant(connection: Connection, namespace: str) -> dict[str, str]:
    """Return the parameters that a statement needs besides the slug of the namespace.

    One roundtrip on a cluster, none elsewhere.

    :param namespace: slug of the namespace; it may be unknown.
    :returns: ``namespace_id`` on a cluster, nothing elsewhere.
    """
    if not is_cluster(connection):
        return {}
    row = fetch_one(connection, "namespace/find", {"namespace": namespace})
    return {"namespace_id": row[0] if row else _NO_NAMESPACE}
