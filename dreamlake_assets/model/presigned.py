"""Presigned URLs: when they expire."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit


def expires_at(url: str) -> str | None:
    """Return when a presigned URL expires, as the API publishes times; None if it does not say.

    S3 says it as ``X-Amz-Date`` and ``X-Amz-Expires`` (signature version 4), or as ``Expires`` in
    Unix time (version 2, and CloudFront).
    """
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    try:
        if "X-Amz-Expires" in query:
            begins = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            ends = begins + timedelta(seconds=int(query["X-Amz-Expires"]))
        else:
            ends = datetime.fromtimestamp(int(query["Expires"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
    return ends.strftime("%Y-%m-%dT%H:%M:%S.000Z") if ends.year >= 1000 else None
