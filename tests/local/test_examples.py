"""The examples for client authors, run as the service serves them."""

import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import requests

from tests.local.conftest import RunningStack
from tests.support.openapi import document
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "dreamlake_assets" / "documentation" / "examples"

#: Over 50, the number of digests in one request.
FILES = 51

#: The layout of a LeRobot dataset, version 3.
LEROBOT = {
    "meta/info.json": b"""{
        "codebase_version": "v3.0",
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {
            "observation.images.front": {"dtype": "video"},
            "observation.images.top": {"dtype": "video"},
            "action": {"dtype": "float32"}
        }
    }""",
    "meta/stats.json": b"{}",
    "meta/tasks.parquet": b"tasks",
    "meta/episodes/chunk-000/file-000.parquet": b"episodes",
    "data/chunk-000/file-000.parquet": b"frames",
    "videos/observation.images.front/chunk-000/file-000.mp4": b"front 0",
    "videos/observation.images.front/chunk-000/file-001.mp4": b"front 1",
    "videos/observation.images.top/chunk-000/file-000.mp4": b"top 0",
}


class Examples:
    """The examples in a directory, as a client author downloads them."""

    def __init__(self, stack: RunningStack, directory: Path):
        self.stack = stack
        self.directory = directory
        self.token = (stack.directory / "authorization").read_text().split()[-1]
        for path in EXAMPLES.glob("*.py"):
            served = requests.get(f"{stack.url}/docs/{path.name}", timeout=30)
            assert served.content == path.read_bytes()
            (directory / path.name).write_bytes(served.content)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", f"{name}.py", *arguments],
            cwd=self.directory,
            env={
                "DREAMLAKE_URL": self.stack.url,
                "DREAMLAKE_BSS_URL": self.stack.bss_url,
                "DREAMLAKE_TOKEN": self.token,
                "NO_PROXY": "127.0.0.1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, name: str, *arguments: str) -> list[str]:
        """Run an example to its end, and return the printed lines."""
        process = self.start(name, *arguments)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return output.splitlines()

    def upload(self, files: dict[str, bytes], project: str, episode: str) -> None:
        """Upload files with the example."""
        for name, content in files.items():
            path = self.directory / project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        printed = self.run("upload_folder", project, project, episode)
        assert printed == [f"Uploaded {len(files)} of {len(files)} files."]

    def names(self, project: str) -> list[str]:
        """The names of the assets of a project."""
        answer = requests.get(
            f"{self.stack.url}/assets",
            params={"namespace": "testuser", "project": project},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        return [asset["name"] for asset in answer.json()]

    def uploads(self, project: str) -> int:
        """The number of files of a project in BSS."""
        with closing(sqlite3.connect(self.stack.directory / "bss" / "bss.sqlite3")) as connection:
            query = "SELECT count(*) FROM record WHERE project = ?"
            return connection.execute(query, [project]).fetchone()[0]


@pytest.fixture(scope="module")
def examples(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return Examples(stack, tmp_path_factory.mktemp("examples"))


def test_the_page_links_every_example() -> None:
    linked = re.findall(r"\]\(docs/(\w+\.py)\)", document()["info"]["description"])
    assert sorted(linked) == sorted(path.name for path in EXAMPLES.glob("*.py"))


def test_the_readme_quotes_the_upload() -> None:
    program = (EXAMPLES / "upload_folder.py").read_text("utf-8")
    assert f"```python\n{program}```\n" in (ROOT / "README.md").read_text("utf-8")


def test_an_interrupted_upload_resumes(examples: Examples) -> None:
    names = [f"/log/{number}.txt" for number in range(FILES)]
    folder = examples.directory / "recording"
    (folder / "log").mkdir(parents=True)
    for name in names:
        (folder / name.lstrip("/")).write_text(name)
    upload = ("upload_folder", "recording", "resumed", "run-042")

    process = examples.start(*upload)
    until(lambda: examples.uploads("resumed") >= 3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    registered = len(examples.names("resumed"))
    assert 0 < registered < FILES
    # The interruption can lose the file that is being uploaded, and no other.
    lost = examples.uploads("resumed") - registered
    assert lost in (0, 1)

    assert examples.run(*upload) == [f"Uploaded {FILES - registered} of {FILES} files."]
    uploads = examples.uploads("resumed")
    assert uploads == FILES + lost
    assert examples.run(*upload) == [f"Uploaded 0 of {FILES} files."]
    assert examples.uploads("resumed") == uploads
    assert examples.names("resumed") == sorted(names)


def test_an_export_has_every_asset(examples: Examples) -> None:
    files = {"boxes.jsonl": b"{}", "front.mp4": b"frames", "log.txt": b"", "left.png": b"pixels"}
    examples.upload(files, "exported", "run-042")

    examples.run("export_project", "exported", "assets.parquet")

    found = duckdb.read_parquet(str(examples.directory / "assets.parquet"))
    columns = "name, kind, episodeName, size, contentType, createdAt < now()"
    assert found.project(columns).order("name").fetchall() == [
        ("/boxes.jsonl", "file", "run-042", 2, "application/octet-stream", True),
        ("/front.mp4", "video", "run-042", 6, "video/mp4", True),
        ("/left.png", "image", "run-042", 6, "image/png", True),
        ("/log.txt", "file", "run-042", 0, "text/plain", True),
    ]


def test_a_loop_gets_every_video_of_an_episode(examples: Examples) -> None:
    videos = {"front/run.mp4": b"front", "top/run.mp4": b"top"}
    examples.upload({**videos, "run.json": b"{}"}, "episodes", "2026/q1/run-042")

    printed = examples.run("download_videos", "episodes", "2026/q1/run-042", "found")

    assert printed == [f"found/{name}" for name in videos]
    folder = examples.directory / "found"
    assert {name: (folder / name).read_bytes() for name in videos} == videos


def test_a_lerobot_dataset_is_found(examples: Examples) -> None:
    examples.upload(LEROBOT, "lerobot", "lerobot/pusht")

    printed = examples.run("find_lerobot", "lerobot", "lerobot/pusht")

    found = [tuple(line.split()[::2]) for line in printed]
    assert found == [
        ("data", "/data/chunk-000/file-000.parquet"),
        ("observation.images.front", "/videos/observation.images.front/chunk-000/file-000.mp4"),
        ("observation.images.front", "/videos/observation.images.front/chunk-000/file-001.mp4"),
        ("observation.images.top", "/videos/observation.images.top/chunk-000/file-000.mp4"),
    ]
