"""The rows that exist before a measurement, and requests for them."""

import random
import time
from collections.abc import Callable, Iterator
from itertools import count
from urllib.parse import urlencode

import orjson
import psycopg

from dreamlake_assets import auth, store
from dreamlake_assets.config import TokenSettings
from dreamlake_assets.database import migrations
from dreamlake_assets.model.cursors import Cursors, Position
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.routes.lists import _filters
from tests.bench.servers import SECRET

NAMESPACE = "testuser"
SUBJECT = "test-001"

#: The project for lists: every camera has a folder in every episode, and 20 videos in each. Those
#: of the camera MIXED are there once more in each other kind.
LISTED = "listed"
CAMERAS = {"quick": 10, "full": 50}
FILES_OF_A_FOLDER = 20
LISTED_EPISODES = 1_001
FILES_OF_A_CAMERA = FILES_OF_A_FOLDER * LISTED_EPISODES
MIXED = 0

#: The project for registrations; this many of its episodes have the folders of FOLDER.
REGISTERED = "registered"
EPISODES = 10_000
FOLDER = "/camera/front"

PAGE = 100

#: Ids ascend as in production, where the rows of an episode are registered consecutively.
#: Triggers are disabled: the rows satisfy their checks by construction.
_STATEMENTS = """
SET session_replication_role = replica;
SET synchronous_commit = off;

CREATE FUNCTION id(prefix text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN (prefix || lpad(to_hex(number), 24, '0'))::uuid;

INSERT INTO space (namespace_id, space_id, slug)
SELECT namespace_id, id('01900000', project.number), project.slug
FROM namespace, (VALUES (1, '{listed}'), (2, '{registered}')) AS project (number, slug);

INSERT INTO episode (namespace_id, space_id, episode_id, name)
SELECT namespace_id, id('01900000', 1), id('01900001', number), 'run-' || lpad(number::text, 5, '0')
FROM namespace, generate_series(0, {listed_episodes} - 1) AS number;

INSERT INTO node (namespace_id, space_id, episode_id, node_id, parent_id, path)
SELECT
    namespace_id, space_id, episode_id,
    id('01900002', right(name, 5)::bigint * 1000), NULL, '/camera'
FROM episode;

INSERT INTO node (namespace_id, space_id, episode_id, node_id, parent_id, path)
SELECT
    namespace_id, space_id, episode_id, id('01900002', right(name, 5)::bigint * 1000 + 1 + camera),
    id('01900002', right(name, 5)::bigint * 1000), '/camera/c' || lpad(camera::text, 2, '0')
FROM episode, generate_series(0, {cameras} - 1) AS camera;

INSERT INTO asset (
    namespace_id, space_id, episode_id, node_id, asset_id, kind, name, bss_id, fps, lens, tags,
    metadata
)
SELECT
    node.namespace_id, node.space_id, node.episode_id, node.node_id,
    id('01900003', row_number() OVER ()), 'video',
    node.path || '/person' || lpad(file::text, 6, '0') || '.mp4',
    md5(node.path || file), 29.97, 'pinhole', '{{night,rain}}', '{{"robot": "r2"}}'
FROM episode
INNER JOIN node USING (namespace_id, space_id, episode_id)
CROSS JOIN LATERAL generate_series(
    right(episode.name, 5)::int * {files_of_a_folder},
    (right(episode.name, 5)::int + 1) * {files_of_a_folder} - 1
) AS file
WHERE node.parent_id IS NOT NULL
ORDER BY episode.name, node.path, file;

INSERT INTO asset (namespace_id, space_id, episode_id, node_id, asset_id, kind, name, bss_id)
SELECT
    namespace_id, space_id, episode_id, node_id, id('01900006', row_number() OVER ()), other.kind,
    name, bss_id
FROM asset
CROSS JOIN unnest(ARRAY['audio', 'label-track', 'text-track', 'image', 'file']) AS other (kind)
WHERE starts_with(name, '/camera/c{mixed:02}/')
ORDER BY asset_id;

INSERT INTO episode (namespace_id, space_id, episode_id, name)
SELECT namespace_id, id('01900000', 2), id('01900004', number), 'run-' || number
FROM namespace, generate_series(0, {episodes} - 1) AS number;

INSERT INTO node (namespace_id, space_id, episode_id, node_id, parent_id, path)
SELECT
    namespace_id, space_id, episode_id, id('01900005', substr(name, 5)::bigint * 2 + depth),
    CASE depth WHEN 1 THEN id('01900005', substr(name, 5)::bigint * 2) END,
    CASE depth WHEN 0 THEN '/camera' ELSE '{folder}' END
FROM episode, generate_series(0, 1) AS depth
WHERE space_id = id('01900000', 2);
"""


def seed(database_url: str, cameras: int, *, finish: bool = True) -> int:
    """Create the schema and the rows. Returns the number of videos.

    :param finish: remove from the schema what only earlier releases use.
    """
    migrations.migrate(database_url, finish=finish)
    with psycopg.connect(database_url, autocommit=True) as connection:
        store.namespace.create(connection, namespace=NAMESPACE)
        store.namespace.add_member(connection, namespace=NAMESPACE, subject=SUBJECT, role="writer")
        statements = _STATEMENTS.format(
            listed=LISTED,
            registered=REGISTERED,
            listed_episodes=LISTED_EPISODES,
            files_of_a_folder=FILES_OF_A_FOLDER,
            cameras=cameras,
            episodes=EPISODES,
            mixed=MIXED,
            folder=FOLDER,
        )
        connection.execute(statements.encode())
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return cameras * FILES_OF_A_CAMERA


_TOKEN = auth.sign(TokenSettings(secret=SECRET), SUBJECT, ttl_seconds=86_400)
_HEAD = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {_TOKEN}\r\n"


def get(path: str, /, **query: object) -> bytes:
    """Return a request for a path of the API, with a token."""
    return f"GET {path}?{urlencode(query)} {_HEAD}\r\n".encode()


def listing(**query: object) -> bytes:
    """Return a request for a list of the project LISTED."""
    return get("/assets/video", namespace=NAMESPACE, project=LISTED, **query)


def as_lines(request: bytes) -> bytes:
    """Return a request for a list as one for NDJSON."""
    return request.replace(b"\r\n\r\n", b"\r\nAccept: application/x-ndjson\r\n\r\n")


def livez() -> Iterator[bytes]:
    """Generate requests that use neither database nor BSS."""
    while True:
        yield f"GET /livez {_HEAD}\r\n".encode()


def registrations(
    episode: Callable[[int], str], folder: Callable[[int], str] = lambda _: FOLDER
) -> Iterator[bytes]:
    """Generate registrations with unique names, by default two folders deep.

    :param episode: returns the episode for the number of a registration.
    :param folder: returns its folder.
    """
    for number in count(random.randrange(10**12)):
        place = {"namespace": NAMESPACE, "project": REGISTERED, "episodeName": episode(number)}
        yield _post("/assets/video", {**place, **_video(folder(number), number)})


def batches(size: int, *, new_folders: int = 0) -> Iterator[bytes]:
    """Generate batches of this many assets with unique names.

    :param new_folders: the number of new folders that the assets of each batch are in; 0 puts all
        of them into an existing one.
    """
    for first in count(random.randrange(10**9) * 1000, size):
        folders = [f"/{first}/{number}" for number in range(new_folders)] or [FOLDER]
        assets = [
            {"kind": "video", **_video(folders[number % len(folders)], number)}
            for number in range(first, first + size)
        ]
        place = {"namespace": NAMESPACE, "project": REGISTERED, "episodeName": "run-42"}
        yield _post("/assets/batch", {**place, "assets": assets})


def _video(folder: str, number: int) -> dict[str, object]:
    return {
        "name": f"{folder}/clip{number}.mp4",
        "bssVideoId": "0123456789abcdef0123456789abcdef",
        "fps": 29.97,
        "tags": ["night", "rain"],
        "metadata": {"robot": "r2"},
    }


def _post(path: str, value: object) -> bytes:
    body = orjson.dumps(value)
    head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"POST {path} {_HEAD}{head}".encode() + body


def copy_assets(connection: psycopg.Connection, seconds: float) -> tuple[int, float]:
    """COPY the rows that batches of 1,000 make on an existing path.

    :returns: the number of rows, and the seconds.
    """
    place = connection.execute(
        "SELECT namespace_id, space_id, episode_id, node_id FROM node"
        " INNER JOIN space USING (namespace_id, space_id)"
        " INNER JOIN episode USING (namespace_id, space_id, episode_id)"
        " WHERE slug = %s AND episode.name = 'run-42' AND path = %s",
        [REGISTERED, FOLDER],
    ).fetchone()
    assert place is not None
    started = time.perf_counter()
    rows = 0
    while time.perf_counter() - started < seconds:
        first = random.randrange(10**9) * 1000
        with connection.cursor().copy(_COPY) as copy:
            for number in range(first, first + 1000):
                video = _video(FOLDER, number)
                metadata = orjson.dumps(video.pop("metadata")).decode()
                copy.write_row((*place, uuid7(), "video", "pinhole", *video.values(), metadata))
        rows += 1000
    return rows, time.perf_counter() - started


_COPY = """
    COPY asset (
        namespace_id, space_id, episode_id, node_id, asset_id, kind, lens, name, bss_id, fps, tags,
        metadata
    ) FROM STDIN
"""


def pages_by_prefix(cameras: int) -> Iterator[bytes]:
    """Generate requests for pages of a prefix that fits PAGE videos, of any camera."""
    while True:
        yield listing(prefix=_prefix(random.randrange(cameras)), limit=PAGE)


def pages_of_mixed(path: str) -> Iterator[bytes]:
    """Generate requests for pages of a prefix of the camera that has assets of all kinds.

    :param path: of the list: all kinds, or one.
    """
    while True:
        query = {"prefix": _prefix(MIXED), "limit": PAGE}
        yield get(path, namespace=NAMESPACE, project=LISTED, **query)


def _prefix(camera: int) -> str:
    return f"/camera/c{camera:02}/person{random.randrange(200):04}"


def folders(*, of_an_episode: bool) -> Iterator[bytes]:
    """Generate requests for the folders of all cameras, of the project or of any episode."""
    while True:
        query: dict[str, object] = {"parent": "/camera", "limit": PAGE}
        if of_an_episode:
            query["episode"] = f"run-{random.randrange(LISTED_EPISODES):05}"
        yield get("/assets/folders", namespace=NAMESPACE, project=LISTED, **query)


def episodes() -> Iterator[bytes]:
    """Generate requests for pages of a prefix that fits PAGE episodes or a few more."""
    while True:
        query = {"prefix": f"run-{random.randrange(10, 100)}", "limit": PAGE}
        yield get("/assets/episodes", namespace=NAMESPACE, project=REGISTERED, **query)


def lookups(cameras: int) -> Iterator[bytes]:
    """Generate requests for the newest asset with the name of any file."""
    while True:
        yield get("/assets/lookup", namespace=NAMESPACE, project=LISTED, path=_any_name(cameras))


def page(number: int, database_url: str) -> bytes:
    """Return a request for the page of all videos with this number, counted from 1."""
    query = {"namespace": NAMESPACE, "project": LISTED, "limit": str(PAGE)}
    if number > 1:
        with psycopg.connect(database_url) as connection:
            last = connection.execute(
                "SELECT asset.name, asset_id::text FROM asset INNER JOIN space USING (space_id)"
                " WHERE space.slug = %s AND kind = 'video'"
                " ORDER BY asset.name, asset_id OFFSET %s LIMIT 1",
                [LISTED, (number - 1) * PAGE - 1],
            ).fetchone()
        assert last is not None
        filters = _filters("video", query)
        query["cursor"] = Cursors(SECRET.encode()).write(Position(*last), filters)
    return get("/assets/video", **query)


def globs() -> Iterator[bytes]:
    """Generate requests for the file of a person by all cameras."""
    while True:
        person = random.randrange(FILES_OF_A_CAMERA)
        yield listing(glob=f"/camera/*/person{person:06}.mp4", limit=PAGE)


def raw() -> Iterator[bytes]:
    """Generate the requests of a download to BSS."""
    while True:
        yield f"GET /videos/0123456789abcdef0123456789abcdef/raw {_HEAD}\r\n".encode()


def downloads_of_many(cameras: int, count: int) -> Iterator[bytes]:
    """Generate requests for the addresses of this many files."""
    while True:
        camera, first = random.randrange(cameras), random.randrange(FILES_OF_A_CAMERA - count)
        paths = [f"/camera/c{camera:02}/person{first + each:06}.mp4" for each in range(count)]
        items = [{"path": path, "kind": "video"} for path in paths]
        body = orjson.dumps({"namespace": NAMESPACE, "project": LISTED, "items": items})
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        yield f"POST /assets/download {_HEAD}{head}".encode() + body


def downloads(cameras: int) -> Iterator[bytes]:
    """Generate requests for the address of any file."""
    while True:
        query = {"project": LISTED, "path": _any_name(cameras)}
        yield get("/assets/video/download", namespace=NAMESPACE, **query)


def _any_name(cameras: int) -> str:
    camera, person = random.randrange(cameras), random.randrange(FILES_OF_A_CAMERA)
    return f"/camera/c{camera:02}/person{person:06}.mp4"
