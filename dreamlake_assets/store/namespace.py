"""Namespaces and their members."""

from dreamlake_assets.database.connection import Connection, Row
from dreamlake_assets.database.statements import fetch_all, fetch_one
from dreamlake_assets.errors import NamespaceNotFound
from dreamlake_assets.model.ids import uuid7


def create(connection: Connection, *, namespace: str) -> bool:
    """Create a namespace.

    Takes one roundtrip.

    :returns: False if a namespace with this slug exists already, else True.
    :raises InvalidRequest: the slug is invalid.
    """
    parameters = {"namespace_id": str(uuid7()), "namespace": namespace}
    return fetch_one(connection, "namespace/insert", parameters) is not None


def list_all(connection: Connection) -> list[Row]:
    """List all namespaces, ordered by slug.

    Takes one roundtrip.

    :returns: the slug, the readers and the writers of each namespace.
    """
    return fetch_all(connection, "namespace/list", {})


def list_of(connection: Connection, *, subject: str) -> list[Row]:
    """List the namespaces that a subject is a member of, ordered by slug.

    Takes one roundtrip.

    :returns: the slug of each namespace, and the role of the subject in it.
    """
    return fetch_all(connection, "namespace/list_by_subject", {"subject": subject})


def add_member(connection: Connection, *, namespace: str, subject: str, role: str) -> None:
    """Add a member to a namespace, or change the role of a member.

    Takes one roundtrip.

    :param subject: the ``sub`` claim of the member's tokens.
    :param role: ``reader`` or ``writer``.
    :raises NamespaceNotFound: the namespace does not exist.
    """
    parameters = {"namespace": namespace, "subject": subject, "role": role}
    if fetch_one(connection, "namespace_member/upsert", parameters) is None:
        raise NamespaceNotFound


def remove_member(connection: Connection, *, namespace: str, subject: str) -> bool:
    """Remove a member from a namespace.

    Takes one roundtrip.

    :param subject: the ``sub`` claim of the member's tokens.
    :returns: False if the subject was not a member, else True.
    """
    parameters = {"namespace": namespace, "subject": subject}
    return fetch_one(connection, "namespace_member/delete", parameters) is not None
