"""Namespaces and their members."""

from dreamlake_assets.database.connection import Connection, Row
from dreamlake_assets.database.statements import fetch_all, fetch_one
from dreamlake_assets.errors import NamespaceNotFound
from dreamlake_assets.model.ids import uuid7


def create(connection: Connection, *, namespace: str) -> bool:
    """Make a namespace.

    :returns: whether it was made; False where one of that slug exists.
    :raises InvalidRequest: the slug is not allowed.
    """
    parameters = {"namespace_id": str(uuid7()), "namespace": namespace}
    return fetch_one(connection, "namespace/insert", parameters) is not None


def list_all(connection: Connection) -> list[Row]:
    """The slug, the readers and the writers of every namespace, by slug."""
    return fetch_all(connection, "namespace/list", {})


def list_of(connection: Connection, *, subject: str) -> list[Row]:
    """The slug of every namespace that a subject is a member of, and its role there, by slug."""
    return fetch_all(connection, "namespace/list_by_subject", {"subject": subject})


def add_member(connection: Connection, *, namespace: str, subject: str, role: str) -> None:
    """Make a subject a member, or change its role.

    :param role: ``reader`` or ``writer``.
    :raises NamespaceNotFound: there is no such namespace.
    """
    parameters = {"namespace": namespace, "subject": subject, "role": role}
    if fetch_one(connection, "namespace_member/upsert", parameters) is None:
        raise NamespaceNotFound


def remove_member(connection: Connection, *, namespace: str, subject: str) -> bool:
    """Take a membership away.

    :returns: whether there was one.
    """
    parameters = {"namespace": namespace, "subject": subject}
    return fetch_one(connection, "namespace_member/delete", parameters) is not None
