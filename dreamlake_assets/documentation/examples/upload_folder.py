"""Upload a folder to an episode, or resume: python upload_folder.py FOLDER PROJECT EPISODE."""

import hashlib
import sys
import unicodedata
import uuid
from pathlib import Path

from assets_client import URL, get, namespace, post, upload

folder, project, episode = Path(sys.argv[1]), *sys.argv[2:]
place = {"namespace": namespace(), "project": project}


def registered():
    """Return the name and digest of each file that the episode has already."""
    digests, found = [*{digest for _, digest in files}], set()
    for start in range(0, len(digests), 50):
        query = {"episode": episode, "view": "full", "sha256": digests[start : start + 50]}
        found |= {(asset["name"], asset["sha256"]) for asset in get("/assets", **place, **query)}
    return found


files = {}
for path in filter(Path.is_file, folder.rglob("*")):
    name = "/" + unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
    with path.open("rb") as file:
        files[name, hashlib.file_digest(file, "sha256").hexdigest()] = path

missing = sorted(files.keys() - registered())
for start in range(0, len(missing), 500):
    assets, key = [], str(uuid.uuid4())
    try:
        for name, digest in missing[start : start + 500]:
            assets.append({"name": name, **upload(files[name, digest], digest, **place)})
    finally:  # An interrupted run registers the files that it has uploaded.
        batch = {**place, "episodeName": episode, "assets": assets}
        if assets:
            post(f"{URL}/assets/batch", batch, key)

if lost := files.keys() - registered():
    sys.exit(f"Not registered: {sorted(lost)}")
print(f"Uploaded {len(missing)} of {len(files)} files.")
