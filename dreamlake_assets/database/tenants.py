"""The tenant of a statement, which a Citus cluster has to be told by its id."""

from dreamlake_assets.database.connection import Connection, is_cluster
from dreamlake_assets.database.statements import fetch_one

#: The id of no namespace.
_NOBODY = "00000000-0000-0000-0000-000000000000"


def tenant(connection: Connection, namespace: str) -> dict[str, str]:
    """The parameters that a statement below a namespace needs besides its slug.

    One roundtrip on a cluster, none elsewhere.

    :returns: ``namespace_id`` on a cluster, nothing elsewhere.
    """
    if not is_cluster(connection):
        return {}
    row = fetch_one(connection, "namespace/find", {"namespace": namespace})
    return {"namespace_id": row[0] if row else _NOBODY}
