"""The cursor of a list: where its next page starts, signed so that it cannot be altered."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from itsdangerous import BadData, URLSafeSerializer

FIRST_ID = "00000000-0000-0000-0000-000000000000"

#: Above every name: names begin with a slash, and "0" is the character after it.
ABOVE_ALL_NAMES = "0"


@dataclass(frozen=True, slots=True)
class Position:
    """The last asset of a page; the next page starts after it.

    :param name: null where the asset has none; such assets come after all the others.
    """

    name: str | None
    asset_id: str


class InvalidCursor(ValueError):
    """The cursor was altered, or belongs to other filters."""


class Cursors:
    """Signs and reads cursors."""

    def __init__(self, key: bytes, previous_key: bytes | None = None):
        """Take the keys.

        :param key: the same in every process that serves, and over restarts.
        :param previous_key: what it was before it was changed; cursors of it are still read.
        """
        # The last one signs.
        self._keys = [
            hashlib.sha256(b"dreamlake_assets cursor" + each).digest()
            for each in (previous_key, key)
            if each is not None
        ]

    def write(self, position: Position, filters: Mapping[str, Any]) -> str:
        """The cursor of a page that ends at a position, good for lists with these filters only."""
        return str(self._serializer(filters).dumps([position.name, position.asset_id]))

    def read(self, cursor: str, filters: Mapping[str, Any]) -> Position:
        """The position of a cursor.

        :raises InvalidCursor: it was not written here with these filters.
        """
        try:
            name, asset_id = self._serializer(filters).loads(cursor)
        except BadData as error:
            raise InvalidCursor from error
        return Position(name, asset_id)

    def _serializer(self, filters: Mapping[str, Any]) -> URLSafeSerializer:
        # The filters are part of the key: a cursor of other filters is one that was altered.
        salt = hashlib.sha256(orjson.dumps(filters, option=orjson.OPT_SORT_KEYS)).digest()
        return URLSafeSerializer(self._keys, salt=salt, serializer=_Json)


class _Json:
    """orjson under the interface that itsdangerous asks of a serializer."""

    @staticmethod
    def dumps(value: object) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str) -> object:
        return orjson.loads(text)
