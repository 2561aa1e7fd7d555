"""The demo: uploads, registers, finds, downloads and changes a real video on the running stack."""

import hashlib
import io
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import requests

from dreamlake_assets.local import samples, stack
from dreamlake_assets.model.kinds import KINDS

PROJECT = "demo"
PART_BYTES = 8 * 1024 * 1024

_VIDEO_SECONDS = 12
_VIDEO_MEGABITS = 12
_FOLDER_FILES = 100
_FOLDER_CONTENTS = 10
_CHUNK_BYTES = 1024 * 1024
_TIMEOUT_SECONDS = 60


class DemoError(Exception):
    """The demo failed; the message gives the step and the reason."""


def run(*, url: str, bss_url: str, video: Path | None) -> None:
    """Run the demo, with a video and a sample file of each other kind.

    :param url: URL of the service.
    :param bss_url: URL of the local BSS.
    :param video: the video to upload; None generates one.
    :raises DemoError: the stack is not running, or a step fails.
    """
    with tempfile.TemporaryDirectory() as directory, requests.Session() as session:
        # Proxies and passwords in the environment are not meant for requests to this machine.
        session.trust_env = False
        demo = _Demo(session, url=url, bss_url=bss_url)
        demo.check_running()
        files = samples.make(Path(directory))
        files["video"] = video or _make_video(Path(directory) / "demo.mp4")
        try:
            for kind, file in files.items():
                demo.register(kind, file, demo.upload(kind, file))
            for kind in files:
                demo.find(kind)
            demo.download("video", files["video"])
            demo.correct("video")
            folder = _make_folder(Path(directory) / "telemetry")
            demo.register_folder(folder)
            demo.download_folder(folder)
        except requests.RequestException as error:
            raise DemoError(f"a request failed: {error}") from error


def _make_video(path: Path) -> Path:
    samples.write_video(path, seconds=_VIDEO_SECONDS, megabits=_VIDEO_MEGABITS)
    click.echo(f"Generated a video of {_VIDEO_SECONDS} s ({_size(path)}).")
    return path


def _make_folder(path: Path) -> list[Path]:
    """Create a folder of small files."""
    path.mkdir()
    files = [path / f"{number:03}.json" for number in range(_FOLDER_FILES)]
    for number, file in enumerate(files):
        file.write_text(f'{{"step": {number % _FOLDER_CONTENTS}}}\n')
    click.echo(f"Generated a folder of {len(files)} files with {_FOLDER_CONTENTS} contents.")
    return files


class _Demo:
    """The requests of the demo. Each step prints one line."""

    def __init__(self, session: requests.Session, *, url: str, bss_url: str):
        self._session = session
        self._url = url
        self._bss_url = bss_url
        self._headers = {"Authorization": f"Bearer {stack.token()}"}
        self._place = {"namespace": stack.NAMESPACE, "project": PROJECT}
        #: The content that this demo has uploaded: pairs of a route of BSS and a hash.
        self._uploaded: set[tuple[str, str]] = set()
        self._episode = datetime.now().astimezone().strftime("%Y/%m/%d/%H%M%S")

    def check_running(self) -> None:
        for address in (f"{self._url}/readyz", f"{self._bss_url}/videos/sample-video"):
            try:
                self._session.get(address, timeout=_TIMEOUT_SECONDS).raise_for_status()
            except requests.RequestException as error:
                raise DemoError(
                    f"the local stack is not running: no successful response from {address};"
                    " start it in another terminal with: make run; if it uses other ports, give"
                    " --url and --bss-url"
                ) from error

    def upload(self, kind: str, file: Path) -> str:
        """Upload a file in parts, as the public client does, and return its id in BSS."""
        with click.progressbar(length=file.stat().st_size, label=f"Uploading {file.name}") as bar:
            bss_id = self._upload(KINDS[kind].bss_route, file, bar.update)
        click.echo(f"Uploaded {file.name} ({_size(file)}): {bss_id} in BSS.")
        return bss_id

    def _upload(self, bss_route: str, file: Path, advance: Callable[[int], None]) -> str:
        """Create a record in BSS. Files with equal content share one upload."""
        content = (bss_route, _sha256(file))
        if content not in self._uploaded:
            self._upload_content(*content, file, advance)
            self._uploaded.add(content)
        record = {
            "owner": stack.NAMESPACE,
            "project": PROJECT,
            "name": f"/{file.name}",
            "episodeId": self._episode,
            "stagingHash": content[1],
        }
        return self._post(f"{self._bss_url}/{bss_route}", record)["id"]

    def _upload_content(
        self, bss_route: str, staging_hash: str, file: Path, advance: Callable[[int], None]
    ) -> None:
        route = f"{self._bss_url}/{bss_route}/upload/multipart"
        place = {"owner": stack.NAMESPACE, "project": PROJECT, "hash": staging_hash}
        upload = self._post(f"{route}/init", place)
        numbers = list(range(1, max(1, -(-file.stat().st_size // PART_BYTES)) + 1))
        places = self._post(f"{route}/parts", {**upload, "partNumbers": numbers})
        parts = []
        with file.open("rb") as source:
            for number in numbers:
                part = _Part(source.read(PART_BYTES), advance)
                part_url = places["parts"][str(number)]
                response = self._session.put(part_url, data=part, timeout=_TIMEOUT_SECONDS)
                _check(response)
                parts.append({"partNumber": number, "etag": response.headers["ETag"]})
        self._post(f"{route}/complete", {**upload, "parts": parts})

    def register(self, kind: str, file: Path, bss_id: str) -> None:
        body = {**self._place, "episodeName": self._episode, "name": _name(file)}
        body[KINDS[kind].bss_field] = bss_id
        asset = self._post(f"{self._url}/assets/{kind}", body)
        click.echo(f"Registered the {kind} {asset['name']}: {asset['id']}.")

    def register_folder(self, files: list[Path]) -> None:
        """Upload the files of a folder, and register all of them in one request."""
        route = KINDS["file"].bss_route
        with click.progressbar(files, label="Uploading the folder") as bar:
            assets = [
                {
                    "kind": "file",
                    "name": f"/demo/{file.parent.name}/{file.name}",
                    "size": file.stat().st_size,
                    "sha256": _sha256(file),
                    "contentType": "application/json",
                    "bssFileId": self._upload(route, file, lambda _: None),
                }
                for file in bar
            ]
        body = {**self._place, "episodeName": self._episode, "assets": assets}
        answer, milliseconds = self._timed_post("/assets/batch", body)
        registered = answer["assets"]
        click.echo(
            f"Registered {len(registered)} files in one request, in {milliseconds:.0f} ms:"
            f" {registered[0]['name']} to {registered[-1]['name']}."
        )

    def download_folder(self, files: list[Path]) -> None:
        """Get the URLs of the files of a folder in one request, and compare one file."""
        prefix = f"/demo/{files[0].parent.name}/"
        body = {**self._place, "episode": self._episode, "prefix": prefix}
        answer, milliseconds = self._timed_post("/assets/download", body)
        found = [asset.get("filename") for asset in answer["assets"]]
        if answer["failed"] or found != [file.name for file in files]:
            raise DemoError(f"the URLs of the folder are not those of its files: {answer}")
        click.echo(f"Got the URLs of {len(found)} files in one request, in {milliseconds:.0f} ms.")
        self._compare(answer["assets"][-1], files[-1])

    def find(self, kind: str) -> None:
        assets = self._get(f"/assets/{kind}", {})
        names = ", ".join(asset["name"] for asset in assets)
        click.echo(f"Listed {kind} in the episode {self._episode}: {names}.")

    def download(self, kind: str, file: Path) -> None:
        """Download a file through the service, and compare it with the uploaded file."""
        self._compare(self._get(f"/assets/{kind}/download", {"path": _name(file)}), file)

    def _compare(self, place: dict[str, Any], file: Path) -> None:
        digest = hashlib.sha256()
        with (
            self._session.get(place["url"], stream=True, timeout=_TIMEOUT_SECONDS) as response,
            click.progressbar(length=file.stat().st_size, label=f"Downloading {file.name}") as bar,
        ):
            _check(response)
            for chunk in response.iter_content(_CHUNK_BYTES):
                digest.update(chunk)
                bar.update(len(chunk))
        if digest.hexdigest() != _sha256(file):
            raise DemoError(f"the downloaded {place['filename']} differs from the uploaded file")
        click.echo(f"Downloaded {place['filename']}: the same bytes, SHA-256 {digest.hexdigest()}.")

    def correct(self, kind: str) -> None:
        """Tag an asset, delete it and restore it."""
        url = f"{self._url}/assets/{kind}/{self._get(f'/assets/{kind}', {})[0]['id']}"
        asset = self._change("PATCH", url, {"addTags": ["demo"]}).json()
        click.echo(f"Tagged {asset['name']}: {', '.join(asset['tags'])}.")
        deleted = self._change("DELETE", url)
        left = len(self._get(f"/assets/{kind}", {}))
        click.echo(f"Deleted it; {kind} in the episode: {left}.")
        restored = self._change("POST", f"{url}/restore", etag=deleted.headers["ETag"])
        click.echo(f"Restored it; its revision is {restored.headers['ETag']}.")

    def _change(
        self, method: str, url: str, body: dict[str, Any] | None = None, *, etag: str = "*"
    ) -> requests.Response:
        headers = {**self._headers, "If-Match": etag}
        return _check(
            self._session.request(method, url, json=body, headers=headers, timeout=_TIMEOUT_SECONDS)
        )

    def _timed_post(self, path: str, body: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """Return the response of the service, and the milliseconds."""
        started = time.perf_counter()
        answer = self._post(self._url + path, body)
        return answer, (time.perf_counter() - started) * 1000

    def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self._session.post(
            url, json=body, headers=self._headers, timeout=_TIMEOUT_SECONDS
        )
        return _check(response).json()

    def _get(self, path: str, query: dict[str, str]) -> Any:
        query = {**self._place, "episode": self._episode, **query}
        response = self._session.get(
            self._url + path, params=query, headers=self._headers, timeout=_TIMEOUT_SECONDS
        )
        return _check(response).json()


class _Part(io.BytesIO):
    """The content of a part, which reports the progress of reading it."""

    def __init__(self, content: bytes, advance: Callable[[int], None]):
        super().__init__(content)
        self._advance = advance

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self._advance(len(chunk))
        return chunk


def _check(response: requests.Response) -> requests.Response:
    if not response.ok:
        request = f"{response.request.method} {response.url.partition('?')[0]}"
        raise DemoError(f"{request} failed with {response.status_code}: {response.text.strip()}")
    return response


def _name(file: Path) -> str:
    return f"/demo/{file.name}"


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _size(file: Path) -> str:
    return f"{file.stat().st_size:,} bytes"
