"""Registers, lists and downloads videos with httpx and models from datamodel-code-generator."""

# pyright: strict

import sys

import httpx
from assets import (
    Download,
    Error,
    Lens,
    RegisteredVideo,
    Tag,
    Video,
    VideoRegistration,
    WholeVideo,
)
from pydantic import TypeAdapter

url, token, project = sys.argv[1:]
client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"})
place = {"namespace": "testuser", "project": project}
videos = TypeAdapter(list[Video])

# Register the smallest body, one with many fields, and one with a null.
ids: set[str] = set()
for body in (
    VideoRegistration(namespace="testuser", project=project),
    VideoRegistration(
        namespace="testuser",
        project=project,
        name="/camera/front/run01.mp4",
        bssVideoId="sample-video",
        tags=[Tag("night")],
        metadata={"robot": "a"},
        lens=Lens.fisheye,
    ),
    VideoRegistration(namespace="testuser", project=project, episodeName=None, fps=29.97),
):
    answer = client.post(
        "/assets/video",
        content=body.model_dump_json(),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 201, answer.text
    ids.add(str(RegisteredVideo.model_validate_json(answer.content).id))

# List all of them, two a page.
pages: list[list[str]] = []
cursor = ""
while not pages or cursor:
    answer = client.get("/assets/video", params={**place, "limit": 2, "cursor": cursor})
    pages.append([str(video.id) for video in videos.validate_json(answer.content)])
    cursor = answer.headers.get("X-Next-Cursor", "")
assert [len(page) for page in pages] == [2, 1]
assert ids == {each for page in pages for each in page}

# Filter by tag, and get the asset.
answer = client.get("/assets/video", params={**place, "tag": ["night"]})
[first] = videos.validate_json(answer.content)
answer = client.get(f"/assets/video/{first.id}")
shown = WholeVideo.model_validate_json(answer.content)
assert (shown.name, shown.fps, shown.lens) == ("/camera/front/run01.mp4", 30, Lens.fisheye)
assert shown.metadata == {"robot": "a"}

# Get a download URL.
answer = client.get("/assets/video/download", params={**place, "path": shown.name})
assert Download.model_validate_json(answer.content).filename == "run01.mp4"

# Get an error.
answer = client.get("/assets/video/download", params={**place, "path": "/none"})
assert Error.model_validate_json(answer.content).code == "asset_not_found"
