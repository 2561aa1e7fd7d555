"""Find the files of a LeRobot dataset: python find_lerobot.py PROJECT DATASET.

Upload the dataset first, as an episode: python upload_folder.py FOLDER PROJECT DATASET
"""

import re
import sys

import requests
from assets_client import TIMEOUT_SECONDS, get, namespace

project, dataset = sys.argv[1:]
place = {"namespace": namespace(), "project": project, "episode": dataset}
url = get("/assets/file/download", **place, path="/meta/info.json")["url"]
info = requests.get(url, timeout=TIMEOUT_SECONDS).json()

# A template such as videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4
# becomes a glob, so the layouts of all versions work.
templates = {"data": ("file", info["data_path"])}
for feature, each in info["features"].items():
    if each["dtype"] == "video":
        templates[feature] = ("video", info["video_path"].replace("{video_key}", feature))
for feature, (kind, template) in templates.items():
    glob = "/" + re.sub(r"\{.*?\}", "*", template)
    for asset in get(f"/assets/{kind}", **place, glob=glob):
        print(feature, asset["id"], asset["name"])
