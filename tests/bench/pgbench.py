"""The project's own statements run by pgbench and psql: the upper limit of the database."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping

from dreamlake_assets.database.connection import _SESSION
from dreamlake_assets.database.queries import query
from dreamlake_assets.local.postgres import binaries
from dreamlake_assets.model.kinds import KINDS
from tests.bench import seed

CLIENTS = 8

#: The settings of the service's sessions.
_ENVIRONMENT = {"PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in _SESSION.items())}

#: pgbench would interpret the :MI in it as a variable.
_TIMESTAMP_FORMAT = """'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"""

#: Ascending, like the ids of the service.
_NEW_ID = "(to_char(clock_timestamp(), 'YYYYMMDDHH24MISSUS') || substr(md5(random()::text), 1, 12))"

_PLACE = {"namespace": seed.NAMESPACE, "subject": seed.SUBJECT, "kind": "video"}

INSERT = {
    **_PLACE,
    "project": seed.REGISTERED,
    "episode": "run-42",
    "folder": seed.FOLDER,
    "name": f"{seed.FOLDER}/clip.mp4",
    "bss_id": "0123456789abcdef0123456789abcdef",
    "fps": "29.97",
    "lens": "pinhole",
    "tags": "{night,rain}",
    "metadata": '{"robot" : "r2"}',
}
LIST_BY_PREFIX = {
    **_PLACE,
    "project": seed.LISTED,
    "after_name": "/camera/c07/person0123",
    "after_id": "00000000-0000-0000-0000-000000000000",
    "upper_name": "/camera/c07/person0124",
    "row_limit": str(seed.PAGE + 1),
}
FIND_BY_NAME = {
    **_PLACE,
    "project": seed.LISTED,
    "item_ids": "{NULL}",
    "item_names": "{/camera/c07/person012345.mp4}",
    "item_kinds": "{video}",
    "all_kinds": f"{{{','.join(KINDS)}}}",
}

_EVERY_ITEM = f"""
    SELECT json_build_object(
        'id', asset.asset_id,
        'name', asset.name,
        'bssVideoId', asset.bss_id,
        'fps', asset.fps,
        'lens', asset.lens,
        'createdAt', to_char(asset.created_at AT TIME ZONE 'UTC', {_TIMESTAMP_FORMAT})
    )
    FROM asset
    INNER JOIN space USING (namespace_id, space_id)
    WHERE space.slug = '{seed.LISTED}' AND asset.kind = 'video'
    ORDER BY asset.name, asset.asset_id
"""


def run(name: str, values: Mapping[str, str], *, database_url: str, seconds: float) -> float:
    """Return how often per second a file of ``sql/`` can run.

    :param values: of its parameters; missing ones are null.
    """
    statement = query(name).decode().replace(_TIMESTAMP_FORMAT, ":timestamp_format")
    statement = statement.replace("%(asset_id)s", _NEW_ID)
    statement = re.sub(
        r"%\((\w+)\)s", lambda match: f":{match[1]}" if match[1] in values else "NULL", statement
    )
    variables = {**values, "timestamp_format": _TIMESTAMP_FORMAT.strip("'")}
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(statement + ";\n")
        script.flush()
        output = _output(
            "pgbench",
            *("--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", f"--file={script.name}"),
            *(f"--time={max(1, round(seconds))}",),
            *(f"--define={name}={value}" for name, value in variables.items()),
            database_url,
        )
    found = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
    assert found, output
    return float(found[1])


def copy_every_item(database_url: str) -> float:
    r"""Export all listed items with psql ``\copy`` as the API's JSON; return the seconds."""
    copy = rf"\copy ({' '.join(_EVERY_ITEM.split())}) TO '{os.devnull}'"
    started = time.perf_counter()
    _output("psql", "--no-psqlrc", "--quiet", f"--command={copy}", database_url)
    return time.perf_counter() - started


def _output(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [binaries(prefer_installed=False) / program, *arguments],
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} failed: {done.stderr}")
    return done.stdout
