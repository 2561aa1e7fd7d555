"""The requests that the examples share: to the service, with retries, and uploads to BSS.

DREAMLAKE_TOKEN is required. In the local stack: cut -d ' ' -f 3 var/authorization
DREAMLAKE_URL and DREAMLAKE_BSS_URL are those of the local stack by default.
DREAMLAKE_NAMESPACE is by default the first namespace to which the token can write.
"""

import os
import re
import sys
from mimetypes import guess_type
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

URL = os.environ.get("DREAMLAKE_URL", "http://localhost:10334")
BSS = os.environ.get("DREAMLAKE_BSS_URL", "http://localhost:10234")
BSS_ROUTES = {"video": "videos", "audio": "audio", "image": "image", "file": "files"}
PART_BYTES = 64 << 20
TIMEOUT_SECONDS = 60

session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['DREAMLAKE_TOKEN']}"
#: Every request can be repeated, even a POST. After 503 it waits for the seconds in Retry-After.
RETRY = Retry(
    8, backoff_factor=0.5, status_forcelist=[502, 503], allowed_methods=None, raise_on_status=False
)
session.mount("http://", HTTPAdapter(max_retries=RETRY))
session.mount("https://", HTTPAdapter(max_retries=RETRY))


def get(path: str, /, **query: Any) -> Any:
    """Return the body of a response. A list is empty in a place that does not exist yet."""
    response = session.get(URL + path, params=query, timeout=TIMEOUT_SECONDS)
    if response.status_code == 404 and re.search("(project|episode)_not_found", response.text):
        return []
    return body_of(response)


def post(url: str, body: dict[str, Any], key: str = "") -> Any:
    """Return the body of a response. With a key, repeating the request changes nothing."""
    headers = {"Idempotency-Key": key} if key else {}
    return body_of(session.post(url, json=body, headers=headers, timeout=TIMEOUT_SECONDS))


def body_of(response: requests.Response) -> Any:
    """Return the body, or stop with the error."""
    if not response.ok:
        url = response.url.partition("?")[0]
        sys.exit(f"{response.request.method} {url}: {response.status_code} {response.text}")
    return response.json()


def namespace() -> str:
    """Return the namespace of the settings or of the token."""
    return os.environ.get("DREAMLAKE_NAMESPACE") or get("/auth/me")["namespace"]["slug"]


def upload(path: Path, digest: str, *, namespace: str, project: str) -> dict[str, Any]:
    """Upload a file to BSS in parts, and return the fields of its registration."""
    media_type = guess_type(path.name)[0] or "application/octet-stream"
    kind = media_type.partition("/")[0]
    if kind not in BSS_ROUTES:
        kind = "file"
    bss = f"{BSS}/{BSS_ROUTES[kind]}"
    owner = {"owner": namespace, "project": project}
    size = path.stat().st_size
    numbers = list(range(1, max(size - 1, 0) // PART_BYTES + 2))
    begun = post(f"{bss}/upload/multipart/init", {**owner, "hash": digest})
    wanted = {**begun, "partNumbers": numbers}
    urls = post(f"{bss}/upload/multipart/parts", wanted)["parts"]
    parts = []
    with path.open("rb") as file:
        for number in numbers:
            # A presigned URL takes no token.
            part = requests.put(urls[str(number)], file.read(PART_BYTES), timeout=TIMEOUT_SECONDS)
            part.raise_for_status()
            parts.append({"partNumber": number, "etag": part.headers["ETag"]})
    post(f"{bss}/upload/multipart/complete", {**begun, "parts": parts})
    record = post(bss, {**owner, "name": path.name, "stagingHash": digest})
    return {
        "kind": kind,
        f"bss{kind.title()}Id": record["id"],
        "size": size,
        "sha256": digest,
        "contentType": media_type,
    }
