"""`dreamlake-assets dev` and `dreamlake-assets demo`, run as programs."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import psutil
import pytest
import requests

from dreamlake_assets.config import DEBUG_SECRET
from dreamlake_assets.database.heads import FILES
from dreamlake_assets.local.processes import free_port
from dreamlake_assets.model.kinds import KINDS
from tests.local.conftest import COMMAND, STOP_SECONDS, RunningStack, start_dev

ROOT = Path(__file__).parents[2]

#: The part size of the public client.
PART_BYTES = 10 << 20

Start = Callable[[], RunningStack]


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "demo", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def demo_on(stack: RunningStack, *options: str) -> subprocess.CompletedProcess[str]:
    return demo("--url", stack.url, "--bss-url", stack.bss_url, *options)


def run_printed(command: str) -> tuple[int, str]:
    """Run a printed command in a shell, unchanged; return the status and the body."""
    done = subprocess.run(
        command + r" -w '\n%{http_code}'",
        shell=True,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_every_printed_command_works(stack: RunningStack) -> None:
    answers = [run_printed(command) for command in stack.commands]
    kinds = len(KINDS)
    assert [status for status, _ in answers] == [
        *([201] * kinds),
        *([200] * (2 * kinds + 12)),
        201,
        200,
    ]
    assert len(json.loads(answers.pop()[1])["ids"]) == kinds

    lists, downloads = answers[kinds : 2 * kinds], answers[2 * kinds : 3 * kinds]
    assert all(len(json.loads(body)) == 1 for _, body in lists)
    many, show, change, restore, *others = answers[3 * kinds :]
    assert json.loads(many[1])["failed"] == 0
    assert len(json.loads(many[1])["assets"]) == kinds
    assert json.loads(show[1])["id"] == json.loads(answers[0][1])["id"]
    assert json.loads(change[1])["tags"] == ["rain"]
    assert json.loads(restore[1])["deletedAt"] is None
    everything, found, *others = others
    assert len(json.loads(everything[1])) == kinds
    assert json.loads(found[1]) == json.loads(restore[1])
    places = [[item["name"] for item in json.loads(body)] for _, body in others[:3]]
    assert places == [["robotics"], ["run-042"], ["/camera/front"]]
    names = ["front.mp4", "front.wav", "boxes.jsonl", "english.vtt", "front.png", "front.json"]
    for command, (_, body), name in zip(
        stack.commands[2 * kinds : 3 * kinds], downloads, names, strict=True
    ):
        answer = json.loads(body)
        assert command.endswith(f"/{answer['filename']}'")
        sample = stack.directory / "bss" / "samples" / name
        assert requests.get(answer["url"], timeout=30).content == sample.read_bytes()


def test_every_command_of_the_readme_works(start: Start) -> None:
    stack = start()
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## HTTP\n")[2]
    commands = section.partition("```sh\n")[2].partition("```")[0]
    # The commands are unchanged, except for the port and a NUL after each response.
    program = 'curl() { command curl --fail-with-body "$@"; printf "\\0"; }\n' + commands
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", program.replace("localhost:10334", stack.url)],
        cwd=stack.directory.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    table = section.partition("\n```sh\n")[0]
    answers = done.stdout.split("\0")[:-1]
    # A command for each endpoint. The command that sets ID prints nothing.
    assert len(answers) == len(re.findall(r"^\| `", table, re.MULTILINE))
    documents: list[Any] = [json.loads(each or "null") for each in answers[:-2]]
    registered, batch, one, listed, every, newest, download, many, *documents = documents
    projects, episodes, folders, patched, deleted, restored, *documents = documents
    many_deleted, many_restored, identity, *health, api = documents
    video, image = registered["id"], batch["assets"][0]["id"]
    assert one["id"] == video
    assert [asset["id"] for asset in listed] == [video]
    assert [asset["id"] for asset in every] == [image, video]
    assert newest["id"] == image
    assert download["filename"] == "run01.mp4"
    assert [asset["id"] for asset in many["assets"]] == [image, video]
    assert [each[0]["name"] for each in (projects, episodes, folders)] == [
        "robotics",
        "run-042",
        "/camera/front",
    ]
    assert patched["tags"] == ["rain"]
    assert deleted is None
    assert restored["deletedAt"] is None
    assert many_deleted == {"deleted": 1, "more": False, "ids": [video]}
    assert many_restored == {"restored": 1, "ids": [video]}
    assert identity["namespace"]["slug"] == "testuser"
    assert health == [{"status": "ok"}] * 2
    assert api["openapi"] == "3.1.0"
    assert [each[:15] for each in answers[-2:]] == ["<!doctype html>"] * 2


@pytest.mark.parametrize(
    ("kind", "lambda_name", "name", "content"),
    [
        ("video", "hls-split", "front.mp4", b"\0" * (11 << 20)),
        ("audio", "audio-process", "front.wav", b"RIFF"),
        ("label-track", None, "boxes.jsonl", b"{}\n"),
        ("text-track", None, "english.vtt", b"WEBVTT\n"),
        ("image", None, "front.png", b"\x89PNG"),
        ("file", None, "front.json", b"{}\n"),
    ],
)
def test_the_calls_of_the_public_client_work(
    stack: RunningStack, kind: str, lambda_name: str | None, name: str, content: bytes
) -> None:
    """The requests of its command line in debug mode, one by one."""
    claims = {"sub": "test-001", "userName": "testuser", "userId": "test-001"}
    token = jwt.encode({**claims, "iat": int(time.time())}, DEBUG_SECRET, algorithm="HS256")
    client = requests.Session()
    client.headers["Authorization"] = f"Bearer {token}"

    def call(method: str, url: str, status: int = 200, **kwargs: Any) -> Any:
        answer = client.request(method, url, timeout=30, **kwargs)
        assert answer.status_code == status, answer.text
        return answer.json()

    route, bss_field = KINDS[kind].bss_route, KINDS[kind].bss_field
    upload = f"{stack.bss_url}/{route}/upload/multipart"
    staging_hash = hashlib.sha256(content).hexdigest()[:16]
    place = {"owner": "testuser", "project": "robotics"}
    begun = call("POST", f"{upload}/init", json={**place, "hash": staging_hash})
    chunks = [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]
    numbers = list(range(1, len(chunks) + 1))
    urls = call("POST", f"{upload}/parts", json={**begun, "partNumbers": numbers})["parts"]
    parts = []
    for number, chunk in zip(numbers, chunks, strict=True):
        put = requests.put(urls[str(number)], data=chunk, timeout=30)
        parts.append({"partNumber": number, "etag": put.headers["ETag"].strip('"')})
    call("POST", f"{upload}/complete", json={**begun, "parts": parts})
    record = {**place, "name": f"//run/{name}", "episodeId": "2026/q1", "stagingHash": staging_hash}
    bss_id = call("POST", f"{stack.bss_url}/{route}", 201, json=record)["id"]
    if lambda_name is not None:
        call("POST", f"{stack.bss_url}/lambdas/{lambda_name}", 501, json={"videoId": bss_id})

    namespace = call("GET", f"{stack.url}/auth/me")["namespace"]["slug"]
    assets = f"{stack.url}/assets/{kind}"
    body = {"namespace": namespace, "space": "robotics", "episodeName": "2026/q1"}
    registered = call(
        "POST", assets, 201, json={**body, "name": f"//run/{name}", bss_field: bss_id}
    )
    assert registered["nodeId"]

    query = {"namespace": namespace, "space": "robotics", "episode": "2026/q1"}
    [listed] = call("GET", assets, params=query)
    assert (listed["name"], listed[bss_field]) == (f"/run/{name}", bss_id)
    assert listed["createdAt"]
    found = call("GET", f"{assets}/download", params={**query, "path": f"/run/{name}"})
    assert found["filename"] == name
    assert requests.get(found["url"], timeout=30).content == content


def test_all_servers_listen_on_loopback_only(stack: RunningStack) -> None:
    listening = [
        connection.laddr.ip
        for child in stack.children
        for connection in child.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def test_the_demo_passes(stack: RunningStack) -> None:
    done = demo_on(stack)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Downloaded demo.mp4: the same bytes" in done.stdout
    assert "Registered 100 files in one request" in done.stdout
    assert "Got the URLs of 100 files in one request" in done.stdout
    assert "Downloaded 099.json: the same bytes" in done.stdout


def test_the_demo_takes_a_file(stack: RunningStack, tmp_path: Path) -> None:
    video = tmp_path / "a holiday.mp4"
    video.write_bytes((stack.directory / "bss" / "samples" / "front.mp4").read_bytes())
    done = demo_on(stack, "--file", str(video))
    digest = hashlib.sha256(video.read_bytes()).hexdigest()
    assert f"Downloaded a holiday.mp4: the same bytes, SHA-256 {digest}." in done.stdout


def test_the_demo_without_a_stack_says_so() -> None:
    done = demo("--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the local stack is not running")
    assert "make run" in done.stderr


def test_a_signal_stops_everything_and_the_next_run_finds_the_data(start: Start) -> None:
    first = start()
    assert demo_on(first).returncode == 0
    register = first.commands[0]
    assert run_printed(register)[0] == 201
    assert first.stop(signal.SIGINT) == 0
    assert first.survivors() == []

    second = start()
    status, body = run_printed(second.commands[len(KINDS)])
    assert (status, len(json.loads(body))) == (200, 1)
    header = (second.directory / "authorization").read_text().strip().partition(": ")
    query = {"namespace": "testuser", "project": "demo", "path": "/demo/demo.mp4"}
    answer = requests.get(
        f"{second.url}/assets/video/download",
        params=query,
        headers={header[0]: header[2]},
        timeout=30,
    )
    download = requests.get(answer.json()["url"], timeout=30)
    digest = hashlib.sha256(download.content).hexdigest()
    assert (second.directory / "bss/objects/videos/testuser/demo" / digest).exists()
    assert second.stop(signal.SIGTERM) == 0
    assert second.survivors() == []

    third = start()
    assert third.stop(signal.SIGHUP) == 0
    assert third.survivors() == []


def test_its_database_is_the_one_that_is_explained(stack: RunningStack) -> None:
    for command in stack.commands[:4]:
        run_printed(command)
    explain = subprocess.run(
        [*COMMAND, "explain"],
        cwd=stack.directory.parent,
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = explain.stdout.splitlines()
    assert [line.split()[0] for line in lines] == FILES
    listings = [line for line in lines if line.startswith("asset/list_")]
    for line in listings:
        # The plan of a few hundred assets may collect the rows of the index in a bitmap.
        assert re.search(r"(Bitmap Heap|Index) Scan asset_live_by_\w+ +[1-9]\d* rows", line)


def test_nothing_is_left_when_the_stack_is_killed(start: Start) -> None:
    stack = start()
    stack.stop(signal.SIGKILL)
    assert stack.survivors() == []


def test_a_stack_stops_when_a_part_of_it_ends(start: Start) -> None:
    stack = start()
    [bss] = [child for child in stack.children if "dreamlake_assets.local.bss" in child.cmdline()]
    bss.kill()
    output, _ = stack.popen.communicate(timeout=STOP_SECONDS)
    assert stack.popen.returncode == 1
    assert "Error: bss ended with status -9." in output
    assert stack.survivors() == []


@pytest.mark.parametrize("taken", ["port", "bss_port"])
def test_a_port_in_use_is_named_in_one_line(tmp_path: Path, taken: str) -> None:
    ports = {"port": free_port(), "bss_port": free_port()}
    with socket.create_server(("127.0.0.1", ports[taken])):
        dev = start_dev(tmp_path / "var", **ports)
        output, _ = dev.communicate(timeout=STOP_SECONDS)
    option = "--" + taken.replace("_", "-")
    assert re.fullmatch(
        rf"Error: port {ports[taken]} of 127\.0\.0\.1 is in use, perhaps by another local stack;"
        rf" choose another port: make run ARGS='{option} \d+'\n",
        output,
    )
    assert dev.returncode == 1
    assert not (tmp_path / "var").exists()


def test_a_directory_that_cannot_be_made_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    directory = tmp_path / "file" / "var"
    dev = start_dev(directory, free_port(), free_port())
    output, _ = dev.communicate(timeout=STOP_SECONDS)
    assert output == (
        f"Error: cannot write to {directory} (Not a directory); choose another --directory\n"
    )
    assert dev.returncode == 1


def test_a_directory_is_for_one_stack(stack: RunningStack) -> None:
    dev = start_dev(stack.directory, free_port(), free_port())
    output, _ = dev.communicate(timeout=STOP_SECONDS)
    assert output == (
        f"Error: another local stack uses {stack.directory};"
        " stop it, or choose another --directory\n"
    )
    assert dev.returncode == 1
