"""A local BSS, the Big Streaming Server, for development and tests.

It implements the routes that the public client calls. It does not transcode: requests for later
processing steps get a 501 response. A token is optional, because a part of the public client (its
package `dreamlake.api`) sends none to BSS. A token that is sent must be valid, as in the service.

One directory holds the records, in `bss.sqlite3`, and the objects, in `objects/`. At start a small
sample file of each kind is added: see :mod:`.samples`.
"""

import mimetypes
import re
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any

from flask import Blueprint, Flask, current_app, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, Unauthorized
from werkzeug.serving import run_simple

from dreamlake_assets.auth import Authenticator
from dreamlake_assets.config import DEBUG_SECRET, TokenSettings
from dreamlake_assets.errors import Unauthenticated
from dreamlake_assets.local import samples
from dreamlake_assets.local.s3 import Bucket, UploadNotFound, UploadRefused
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import SLUG_PATTERN

MAXIMUM_PART_NUMBER = 10_000

_ROUTES = [kind.bss_route for kind in KINDS.values()]
#: route/owner/project/hash. A key is also the path of a file, so no segment starts with a dot.
_KEY = re.compile(rf"({'|'.join(_ROUTES)})/{SLUG_PATTERN}/{SLUG_PATTERN}/[A-Za-z0-9_-]{{1,128}}")


class Records:
    """The records of uploaded files, in SQLite."""

    def __init__(self, path: Path):
        """Create the database if it does not exist."""
        self._path = path
        with self._connection() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS record ("
                " route TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,"
                " owner TEXT NOT NULL, project TEXT NOT NULL, episode TEXT, size INTEGER NOT NULL,"
                " created_at TEXT NOT NULL, PRIMARY KEY (route, id))"
            )

    def add(self, record: dict[str, Any]) -> None:
        """Add a record, unless its route and id are taken."""
        with self._connection() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO record VALUES (:route, :id, :key, :name, :owner, :project,"
                " :episode, :size, :created_at)",
                record,
            )

    def find(self, route: str, bss_id: str) -> dict[str, Any] | None:
        """Return the record of a route and id, or None."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT * FROM record WHERE route = ? AND id = ?", (route, bss_id)
            ).fetchone()
        return dict(row) if row else None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        finally:
            connection.close()


class Store:
    """The records and the objects, in one directory."""

    def __init__(self, s3_url: str, directory: Path):
        """Restore the objects of earlier runs in S3.

        :param s3_url: URL of a running S3 server.
        :param directory: created if it does not exist.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.records = Records(directory / "bss.sqlite3")
        self.bucket = Bucket(s3_url, directory / "objects")
        self.bucket.restore()

    def add_sample(self, route: str, bss_id: str, path: Path) -> None:
        """Store a file under a given id, unless it is stored already."""
        key = f"{route}/samples/samples/{bss_id}"
        if self.bucket.size(key) is None:
            self.bucket.put(key, path)
        self.add(route, bss_id, key=key, name=f"/{path.name}", owner="samples", project="samples")

    def add(self, route: str, bss_id: str, *, key: str, **fields: Any) -> dict[str, Any]:
        """Add the record of an object.

        :param fields: name, owner, project, and optionally episode.
        :returns: the record.
        :raises NotFound: there is no completed upload with this key.
        """
        size = self.bucket.size(key)
        if size is None:
            raise NotFound("No completed upload has this stagingHash, owner and project.")
        record = {
            "route": route,
            "id": bss_id,
            "key": key,
            "episode": None,
            "size": size,
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **fields,
        }
        self.records.add(record)
        return record


def create_app(store: Store) -> Flask:
    """Create the WSGI application of the local BSS."""
    app = Flask(__name__)
    app.extensions["bss_store"] = store
    app.extensions["bss_authenticator"] = Authenticator(TokenSettings(secret=DEBUG_SECRET))
    app.before_request(_verify_token)
    app.register_error_handler(HTTPException, _error)
    app.register_error_handler(UploadNotFound, lambda error: _error(NotFound(str(error))))
    app.register_error_handler(UploadRefused, lambda error: _error(BadRequest(str(error))))
    app.add_url_rule("/lambdas/<name>", view_func=_transcode, methods=["POST"])
    for route in _ROUTES:
        app.register_blueprint(
            uploads, name=route, url_prefix=f"/{route}", url_defaults={"route": route}
        )
    return app


uploads = Blueprint("uploads", __name__)


@uploads.post("/upload/multipart/init")
def begin_upload(route: str) -> ResponseReturnValue:
    """Start a multipart upload."""
    key = _checked_key(f"{route}/{_text('owner')}/{_text('project')}/{_text('hash')}", route)
    return {"uploadId": _store().bucket.begin_upload(key), "key": key}


@uploads.post("/upload/multipart/parts")
def part_urls(route: str) -> ResponseReturnValue:
    """Return a presigned URL for each part."""
    key, upload_id = _checked_key(_text("key"), route), _text("uploadId")
    numbers = [_part_number(number) for number in _list("partNumbers")]
    # S3 signs URLs for unknown uploads, too. This call raises an error for them.
    _store().bucket.parts_done(key, upload_id)
    bucket = _store().bucket
    return {"parts": {str(number): bucket.part_url(key, upload_id, number) for number in numbers}}


@uploads.get("/upload/multipart/parts-done")
def parts_done(route: str) -> ResponseReturnValue:
    """List the received parts, so that the client can resume an upload."""
    key, upload_id = request.args.get("key", ""), request.args.get("uploadId", "")
    try:
        parts = _store().bucket.parts_done(_checked_key(key, route), upload_id)
    except UploadNotFound:
        return {"parts": [], "expired": True}
    return {"parts": parts, "expired": False}


@uploads.post("/upload/multipart/complete")
def complete_upload(route: str) -> ResponseReturnValue:
    """Complete a multipart upload."""
    key = _checked_key(_text("key"), route)
    parts = {}
    for part in _list("parts"):
        if not (isinstance(part, dict) and isinstance(part.get("etag"), str)):
            raise BadRequest("Each item of parts must be an object with partNumber and etag.")
        parts[_part_number(part.get("partNumber"))] = part["etag"].strip('"')
    _store().bucket.complete_upload(key, _text("uploadId"), parts)
    return {"key": key}


@uploads.post("")
def create(route: str) -> ResponseReturnValue:
    """Create the record of an uploaded file."""
    owner, project = _text("owner"), _text("project")
    record = _store().add(
        route,
        uuid.uuid4().hex,
        key=_checked_key(f"{route}/{owner}/{project}/{_text('stagingHash')}", route),
        name=_text("name"),
        owner=owner,
        project=project,
        episode=_body().get("episodeId") or _body().get("sessionId"),
    )
    return _published(record), HTTPStatus.CREATED


@uploads.get("/<bss_id>")
def show(route: str, bss_id: str) -> ResponseReturnValue:
    """Return the record of a file."""
    return _published(_found(route, bss_id))


@uploads.get("/<bss_id>/raw")
def raw(route: str, bss_id: str) -> ResponseReturnValue:
    """Redirect to a presigned URL of the bytes."""
    record = _found(route, bss_id)
    url = _store().bucket.download_url(
        record["key"],
        filename=PurePosixPath(record["name"]).name,
        content_type=mimetypes.guess_type(record["name"])[0] or "application/octet-stream",
    )
    return redirect(url, HTTPStatus.FOUND)


def _transcode(name: str) -> ResponseReturnValue:
    return {"error": f"The local BSS does not transcode; {name} is not available."}, 501


def _store() -> Store:
    return current_app.extensions["bss_store"]


def _verify_token() -> None:
    header = request.headers.get("Authorization")
    if header is None:
        return
    try:
        current_app.extensions["bss_authenticator"].subject(header)
    except Unauthenticated as error:
        raise Unauthorized(str(error)) from error


def _found(route: str, bss_id: str) -> dict[str, Any]:
    record = _store().records.find(route, bss_id)
    if record is None:
        raise NotFound(f"No file in /{route} has this id.")
    return record


def _published(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": record["id"],
        "name": record["name"],
        "owner": record["owner"],
        "project": record["project"],
        "episodeId": record["episode"],
        "size": record["size"],
        "createdAt": record["created_at"],
    }


def _body() -> dict[str, Any]:
    body = request.get_json()
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    return body


def _text(field: str) -> str:
    value = _body().get(field)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{field} must be a non-empty string.")
    return value


def _list(field: str) -> list[Any]:
    value = _body().get(field)
    if not isinstance(value, list) or not value:
        raise BadRequest(f"{field} must be a non-empty array.")
    return value


def _part_number(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAXIMUM_PART_NUMBER:
        raise BadRequest(f"A part number must be a whole number from 1 to {MAXIMUM_PART_NUMBER}.")
    return value


def _checked_key(key: str, route: str) -> str:
    if not (_KEY.fullmatch(key) and key.startswith(f"{route}/")):
        raise BadRequest(
            "owner, project and hash may contain only letters, digits, '.', '_' and '-'."
        )
    return key


def _error(error: HTTPException) -> ResponseReturnValue:
    return {"error": error.description}, error.code or HTTPStatus.INTERNAL_SERVER_ERROR


def main() -> None:
    """Serve the local BSS until it is stopped. Arguments: port, URL of S3, directory."""
    port, s3_url, directory = sys.argv[1:]
    store = Store(s3_url, Path(directory))
    for name, path in samples.make(Path(directory) / "samples").items():
        kind = KINDS[name]
        store.add_sample(kind.bss_route, kind.sample[kind.bss_field], path)
    run_simple("127.0.0.1", int(port), create_app(store), threaded=True)


if __name__ == "__main__":
    main()
