"""A local S3: the API of a `moto` server, and the bucket that the local BSS uses.

Signatures are not verified. `moto` ignores the expiry of presigned URLs, so :func:`application`
checks it. `moto` keeps objects only in memory and in temporary files. Therefore :class:`Bucket`
also stores each completed object as a file in a directory, and :meth:`Bucket.restore` uploads these
files at the next start. When the server stops, unfinished uploads and objects that were stored
without this class are lost.
"""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.serving import run_simple

from dreamlake_assets.model.presigned import expires_at

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BUCKET = "dreamlake"
PRESIGNED_SECONDS = 3600

#: Made-up keys: the server does not verify signatures.
_CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local-secret"}


def command(port: int) -> list[str]:
    """Return the command that serves S3 on a port of 127.0.0.1."""
    return [sys.executable, "-m", "dreamlake_assets.local.s3", str(port)]


def application() -> "WSGIApplication":
    """Create S3. It refuses requests with a presigned URL that has expired."""
    # Imported only in the process of S3: it takes a second.
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        create_backend_app,
    )

    moto = DomainDispatcherApplication(create_backend_app)

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        end = expires_at(f"?{environ.get('QUERY_STRING', '')}")
        if end is None or datetime.fromisoformat(end) > datetime.now(UTC):
            return moto(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"]

    return serve


class UploadNotFound(Exception):
    """The upload does not exist: it is unknown or completed, or S3 was restarted."""


class UploadRefused(Exception):
    """S3 refuses to complete the upload; the message gives the reason."""


class Bucket:
    """The bucket of BSS, and the directory with copies of its completed objects."""

    def __init__(self, url: str, directory: Path):
        """Create a client of S3.

        :param url: URL of the S3 server.
        :param directory: directory for the copies of the objects.
        """
        self._directory = directory
        self._s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                # With a checksum in the presigned URL, the uploader would have to send it, too.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                # Proxies in the environment are not meant for requests to this machine.
                proxies={},
            ),
            **_CREDENTIALS,
        )

    def restore(self) -> None:
        """Create the bucket, and upload the objects of earlier runs."""
        self._s3.create_bucket(Bucket=BUCKET)
        for path in self._directory.rglob("*"):
            if path.is_file() and path.suffix != ".part":
                self._s3.upload_file(str(path), BUCKET, str(path.relative_to(self._directory)))

    def put(self, key: str, path: Path) -> None:
        """Store a file in a single upload."""
        self._s3.upload_file(str(path), BUCKET, key)
        self._keep(key)

    def size(self, key: str) -> int | None:
        """Return the size of a completed object in bytes, or None if there is no object."""
        try:
            return self._s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            return None

    def begin_upload(self, key: str) -> str:
        """Start a multipart upload, and return its id."""
        return self._s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]

    def part_url(self, key: str, upload_id: str, part_number: int) -> str:
        """Return a presigned URL for the PUT request of one part."""
        place = {"Bucket": BUCKET, "Key": key, "UploadId": upload_id, "PartNumber": part_number}
        return self._s3.generate_presigned_url(
            "upload_part", Params=place, ExpiresIn=PRESIGNED_SECONDS
        )

    def parts_done(self, key: str, upload_id: str) -> list[dict[str, Any]]:
        """Return the number and the ETag of each received part.

        :raises UploadNotFound: the upload does not exist.
        """
        pages = self._s3.get_paginator("list_parts").paginate(
            Bucket=BUCKET, Key=key, UploadId=upload_id
        )
        try:
            parts = [part for page in pages for part in page.get("Parts", [])]
        except ClientError as error:
            raise _upload_error(error) from error
        return [
            {"partNumber": part["PartNumber"], "etag": part["ETag"].strip('"')} for part in parts
        ]

    def complete_upload(self, key: str, upload_id: str, parts: dict[int, str]) -> None:
        """Complete a multipart upload, and store a copy of the object.

        :param parts: the ETag of each part, by its number.
        :raises UploadNotFound: the upload does not exist.
        :raises UploadRefused: a part is missing, has another ETag, or is smaller than 5 MiB and
            not the last one.
        """
        listed = [{"PartNumber": number, "ETag": parts[number]} for number in sorted(parts)]
        try:
            self._s3.complete_multipart_upload(
                Bucket=BUCKET, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
            )
        except ClientError as error:
            raise _upload_error(error) from error
        self._keep(key)

    def download_url(self, key: str, *, filename: str, content_type: str) -> str:
        """Return a presigned URL for the GET request of an object."""
        name = quote(filename, safe="")
        place = {
            "Bucket": BUCKET,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": f"attachment; filename*=UTF-8''{name}",
        }
        return self._s3.generate_presigned_url(
            "get_object", Params=place, ExpiresIn=PRESIGNED_SECONDS
        )

    def _keep(self, key: str) -> None:
        path = self._directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".part")
        self._s3.download_file(BUCKET, key, str(unfinished))
        unfinished.rename(path)


def _upload_error(error: ClientError) -> Exception:
    details = error.response["Error"]
    if details["Code"] == "NoSuchUpload":
        return UploadNotFound("The upload does not exist.")
    return UploadRefused(f"S3 refused the upload: {details['Message']}")


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), application(), threaded=True)
