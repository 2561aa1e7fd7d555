"""Rules for every response, independent of the request."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from dreamlake_assets.database.heads import FILES
from dreamlake_assets.database.queries import query
from dreamlake_assets.errors import catalogue

#: Status and code of every documented error, except the internal error.
DOCUMENTED = {(int(error.status), error.code) for error in catalogue()} - {(500, "internal_error")}

#: Reasons for a bad request that name no field.
_WITHOUT_FIELD = {"The body must be a JSON object."}
_MEMBERS = {"error", "code", "requestId", "fields", "invalid"}
_HEADERS = {401: "www-authenticate", 405: "allow", 503: "retry-after"}
#: Internal details that a client must not see.
_INSIDE = re.compile("Traceback|psycopg|werkzeug|/site-packages/|INSERT INTO |FROM namespace")


def fault(status: int, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the fault of a response, or None.

    :param headers: with names in lower case.
    """
    if "x-request-id" not in headers:
        return "it has no request id"
    if status == 204:
        return "it has a body" if body else None
    if "json" not in headers.get("content-type", ""):
        return "it is not JSON"
    try:
        answer = json.loads(body)
    except ValueError:
        return "it is not JSON"
    return None if 200 <= status < 300 else _fault_of_error(status, headers, answer)


def _fault_of_error(status: int, headers: Mapping[str, str], answer: object) -> str | None:
    if not isinstance(answer, dict) or not {"error", "code", "requestId"} <= answer.keys():
        return "it has not the shape of an error"
    checks = {
        "it has unknown members": answer.keys() <= _MEMBERS,
        "its error is not documented": (status, answer["code"]) in DOCUMENTED,
        "its request id is another": answer["requestId"] == headers["x-request-id"],
        "it says nothing": isinstance(answer["error"], str) and answer["error"] != "",
        "it names no field": _names_what_is_wrong(answer),
        "it lacks a header": status not in _HEADERS or _HEADERS[status] in headers,
        "it tells of the inside": not _INSIDE.search(_own_words(answer)),
    }
    return next((words for words, holds in checks.items() if not holds), None)


def _own_words(answer: dict[str, Any]) -> str:
    """Return the text of an error without the names of fields, which the client may make up."""
    fields = answer.get("fields", {})
    words = json.dumps([answer["error"], *fields.values()])
    for name in filter(_INSIDE.search, fields):
        words = words.replace(name, "")
    return words


def _names_what_is_wrong(answer: dict[str, object]) -> bool:
    # A request for many assets names the unknown ones by their positions.
    may_name = answer["code"] == "asset_not_found" and "fields" in answer
    if not may_name and (answer["code"] != "invalid_request" or answer["error"] in _WITHOUT_FIELD):
        return "fields" not in answer
    fields = answer.get("fields")
    return isinstance(fields, dict) and bool(fields) and all(map(_are_sentences, fields.values()))


def _are_sentences(messages: object) -> bool:
    if not isinstance(messages, list) or not messages:
        return False
    return all(isinstance(message, str) and message for message in messages)


def strange_statements(seen: Iterable[str]) -> set[str]:
    """Return the statements that are not exactly files of ``sql/``, or lists in a view.

    :param seen: statements as the server received them, with ``$1`` for the first parameter.
    """
    views = [name for name in FILES if name.startswith("asset/view_")]
    lists = [name for name in FILES if re.match("asset/(list|keys|stream|newest)_", name)]
    names = [*FILES, *(f"{view} of {listed}" for view in views for listed in lists)]
    own = {_normalised(re.sub(r"%\(\w+\)s", "$1", query(name).decode())) for name in names}
    return {statement for statement in seen if _normalised(statement) not in own}


def _normalised(statement: str) -> str:
    return " ".join(re.sub(r"\$\d+", "$1", statement).split())
