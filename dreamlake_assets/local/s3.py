"""A real S3 API on this machine: a `moto` server, and the bucket in it as BSS uses it.

What it does not do: it verifies no signatures and lets no presigned URL expire, and it keeps
objects in memory and in temporary files. So that the next start finds them, every object that was
finished through :class:`Bucket` is also a file in a directory, and :meth:`Bucket.restore` puts
those files back. Unfinished uploads are lost at a stop; so are objects put past this class.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = "dreamlake"
PRESIGNED_SECONDS = 3600

#: Clients of one server sign with the same made-up keys.
_CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local-secret"}


def command(port: int) -> list[str]:
    """The command that serves S3 on a port of 127.0.0.1 until it is stopped."""
    return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]


class UploadNotFound(Exception):
    """There is no such upload: it never was, it is finished, or S3 was restarted."""


class UploadRefused(Exception):
    """S3 does not put the parts together; the message says why."""


class Bucket:
    """The bucket of BSS, and the directory that its finished objects are kept in."""

    def __init__(self, url: str, directory: Path):
        """Connect to S3 at a URL, and to the directory where its objects are kept."""
        self._directory = directory
        self._s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                # A checksum in a presigned URL would bind the uploader to send it, too.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                # The proxies of the environment do not lead to this machine.
                proxies={},
            ),
            **_CREDENTIALS,
        )

    def restore(self) -> None:
        """Put back what earlier runs have kept."""
        self._s3.create_bucket(Bucket=BUCKET)
        for path in self._directory.rglob("*"):
            if path.is_file() and path.suffix != ".part":
                self._s3.upload_file(str(path), BUCKET, str(path.relative_to(self._directory)))

    def put(self, key: str, path: Path) -> None:
        """Store a file as a whole."""
        self._s3.upload_file(str(path), BUCKET, key)
        self._keep(key)

    def size(self, key: str) -> int | None:
        """The bytes of a finished object, None when there is none."""
        try:
            return self._s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise
            return None

    def begin_upload(self, key: str) -> str:
        """The id of a new upload in parts."""
        return self._s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]

    def part_url(self, key: str, upload_id: str, part_number: int) -> str:
        """A URL that one part is PUT to."""
        place = {"Bucket": BUCKET, "Key": key, "UploadId": upload_id, "PartNumber": part_number}
        return self._s3.generate_presigned_url(
            "upload_part", Params=place, ExpiresIn=PRESIGNED_SECONDS
        )

    def parts_done(self, key: str, upload_id: str) -> list[dict[str, Any]]:
        """Number and ETag of each part that has arrived.

        :raises UploadNotFound: there is no such upload.
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
        """Put the parts together, and keep the object.

        :param parts: the ETag of each part, by its number.
        :raises UploadNotFound: there is no such upload.
        :raises UploadRefused: a part is missing, another one than was sent, or below 5 MiB.
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
        """A URL that anybody can GET the object from."""
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
        return UploadNotFound("There is no such upload.")
    return UploadRefused(f"S3 refuses the upload: {details['Message']}")
