"""The tenant of a statement, which a Citus cluster needs as a parameter."""

from dreamlake_assets.database.connection import Connection, is_cluster
from dreamlake_assets.database.statements import fetch_one
from dreamlake_assets.errors import Forbidden, NamespaceNotFound


def tenant(connection: Connection, *, namespace: str, subject: str, writes: bool) -> dict[str, str]:
    """Return the parameters that a statement needs besides the slug of the namespace.

    One roundtrip on a cluster, none elsewhere. On a cluster it also checks the membership, which
    statements that insert rows do not repeat there (:func:`.queries.query_of_tenant`).

    :param namespace: slug of the namespace; it may be unknown.
    :param writes: whether the statement writes.
    :returns: ``namespace_id`` on a cluster, nothing elsewhere.
    :raises NamespaceNotFound: on a cluster: the namespace does not exist, or the subject is not a
        member.
    :raises Forbidden: on a cluster: the subject may read the namespace but not write to it.
    """
    if not is_cluster(connection):
        return {}
    row = fetch_one(connection, "namespace/find", {"namespace": namespace, "subject": subject})
    namespace_id, role = row or ("", None)
    require_member(role, writes=writes)
    return {"namespace_id": namespace_id}


def require_member(role: str | None, *, writes: bool) -> None:
    """Check the role of a subject in a namespace.

    :param role: None if the namespace does not exist, or the subject is not a member.
    :raises NamespaceNotFound: there is no role.
    :raises Forbidden: a write needs the role ``writer``.
    """
    if role is None:
        raise NamespaceNotFound
    if writes and role != "writer":
        raise Forbidden
