"""When a presigned URL expires."""

import pytest

from dreamlake_assets.model.presigned import expires_at

S3 = "https://s3.example/key?X-Amz-Date=20260414T093000Z&X-Amz-Expires="


@pytest.mark.parametrize(
    ("url", "expires"),
    [
        (f"{S3}900", "2026-04-14T09:45:00.000Z"),
        (f"{S3}604800&X-Amz-Signature=a%2Fb", "2026-04-21T09:30:00.000Z"),
        ("https://s3.example/key?AWSAccessKeyId=a&Expires=1776159000", "2026-04-14T09:30:00.000Z"),
        ("https://cdn.example/key?Expires=1776159000&Signature=a", "2026-04-14T09:30:00.000Z"),
        ("https://s3.example/key", None),
        ("https://s3.example/key?Expires=", None),
        ("https://s3.example/key?Expires=tomorrow", None),
        ("https://s3.example/key?Expires=9999999999999999999999", None),
        ("https://s3.example/key?Expires=-99999999999", None),
        ("https://s3.example/key?X-Amz-Expires=900", None),
        ("https://s3.example/key?X-Amz-Expires=900&X-Amz-Date=2026-04-14", None),
        (f"{S3}soon", None),
        (f"{S3}{10**30}", None),
        (f"{S3}{'9' * 5000}", None),
    ],
)
def test_it_is_what_the_url_says(url: str, expires: str | None) -> None:
    assert expires_at(url) == expires
