"""Pagination cursors: the position where the next page starts, signed against tampering."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_encode

#: Sorts before every asset id.
FIRST_ID = "00000000-0000-0000-0000-000000000000"

#: Sorts after every name: names begin with a slash, and "0" is the character after the slash.
ABOVE_ALL_NAMES = "0"


@dataclass(frozen=True, slots=True)
class Position:
    """The last asset, project, episode or folder of a page. The next page starts after it.

    :param name: its name; None for an asset without a name. These sort last.
    :param item_id: its id, which orders assets with the same name; empty for a folder without one.
    """

    name: str | None
    item_id: str


class InvalidCursor(ValueError):
    """The cursor was altered, or was issued for other filters."""


class Cursors:
    """Signs and verifies cursors."""

    def __init__(self, key: bytes, previous_key: bytes | None = None):
        """Derive the signing keys.

        :param key: signs cursors; the same in every worker, on every machine and after a restart.
        :param previous_key: the key before its last change, whose cursors stay valid.
        """
        # itsdangerous signs with the last key and verifies with each of them.
        self._keys = [
            hashlib.sha256(b"dreamlake_assets cursor" + each).digest()
            for each in (previous_key, key)
            if each is not None
        ]

    def write(self, position: Position, filters: Mapping[str, Any]) -> str:
        """Return the cursor of a position.

        :param filters: the filters of the list; the cursor is valid for no others.
        """
        return str(self._serializer(filters).dumps([position.name, position.item_id]))

    def read(self, cursor: str, filters: Mapping[str, Any]) -> Position:
        """Return the position of a cursor.

        :param filters: the filters of the list.
        :raises InvalidCursor: the cursor was altered, or was issued for other filters.
        """
        try:
            name, item_id = self._serializer(filters).loads(cursor)
        except BadData as error:
            raise InvalidCursor from error
        return Position(name, item_id)

    def _serializer(self, filters: Mapping[str, Any]) -> URLSafeSerializer:
        # The filters are part of the key, so the signature fails if they change.
        salt = hashlib.sha256(orjson.dumps(filters, option=orjson.OPT_SORT_KEYS)).digest()
        return _Serializer(self._keys, salt=salt, serializer=_Json)


class _Serializer(URLSafeSerializer):
    """The serializer of itsdangerous, which compresses long positions only.

    zlib takes 40 microseconds for any length.
    """

    def dump_payload(self, obj: Any) -> bytes:
        """Return the encoded payload."""
        payload = orjson.dumps(obj)
        return base64_encode(payload) if len(payload) < 256 else super().dump_payload(obj)


class _Json:
    """Adapts orjson to the serializer interface of itsdangerous."""

    @staticmethod
    def dumps(value: object) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str) -> object:
        return orjson.loads(text)
