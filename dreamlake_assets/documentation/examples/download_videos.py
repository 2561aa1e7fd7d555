"""Loop over the videos of an episode: python download_videos.py PROJECT EPISODE FOLDER."""

import shutil
import sys
from pathlib import Path

import requests
from assets_client import TIMEOUT_SECONDS, URL, namespace, post


def videos(project, episode):
    """Yield the name and a presigned URL of each video. A request gets up to 200 URLs."""
    page = {"namespace": namespace(), "project": project, "episode": episode, "kind": "video"}
    while True:
        found = post(f"{URL}/assets/download", page)
        for asset in found["assets"]:
            if "error" in asset:
                sys.exit(f"{asset['id']}: {asset['error']}")
            yield asset["name"], asset["url"]
        if found.get("nextCursor") is None:
            return
        page["cursor"] = found["nextCursor"]


project, episode, folder = sys.argv[1:]
for name, url in videos(project, episode):
    path = Path(folder, name.lstrip("/"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS) as video, path.open("wb") as file:
        video.raise_for_status()
        shutil.copyfileobj(video.raw, file)
    print(path)
