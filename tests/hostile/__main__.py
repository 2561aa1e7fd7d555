"""Send many fuzzed requests to a real service over HTTP, and check every response.

``python -m tests.hostile --requests 1000000`` starts PostgreSQL, BSS and gunicorn, sends from a few
processes, and prints one line. It fails if a response is undocumented, if a refused request left
rows behind, or if PostgreSQL received a statement that is not a file of ``sql/``.
"""

import argparse
import multiprocessing
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from dreamlake_assets import auth
from dreamlake_assets.config import TokenSettings
from dreamlake_assets.database import migrations
from tests.bench.servers import SECRET, bss, gunicorn
from tests.conftest import add_namespace
from tests.hostile.fuzzing import SUBJECTS
from tests.hostile.invariants import strange_statements
from tests.hostile.sending import Tally, send
from tests.support.postgres import Server

PROCESSES = 2
#: PostgreSQL logs one statement in a hundred, with its original text and without parameters.
LOGGING = (
    "-c log_min_duration_sample=0 -c log_statement_sample_rate=0.01"
    " -c log_parameter_max_length=0 -c log_parameter_max_length_on_error=0"
    " -c log_line_prefix=@%a@"
)
#: An entry ends at the next line with the log prefix, as statements may also contain an @.
_ENTRY = re.compile(
    r"^@dreamlake_assets worker \d+@LOG:  duration: [^:]*?ms  [^:]*: (.*?)(?=\n@|\Z)",
    re.DOTALL | re.MULTILINE,
)

#: A refused request must not leave a part of a path that leads to no asset.
_EMPTY = """
    SELECT
        (
            SELECT count(*) FROM space
            WHERE NOT EXISTS (SELECT FROM asset WHERE asset.space_id = space.space_id)
        )
        + (
            SELECT count(*) FROM episode
            WHERE NOT EXISTS (SELECT FROM asset WHERE asset.episode_id = episode.episode_id)
        )
        + (
            SELECT count(*) FROM node
            WHERE NOT EXISTS (SELECT FROM asset WHERE asset.node_id = node.node_id)
                AND NOT EXISTS (SELECT FROM node AS child WHERE child.parent_id = node.node_id)
        )
"""


def main() -> int:
    """Run the program. Returns 0 if there was no fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", default="1")
    arguments = parser.parse_args()
    with _postgres() as server, TemporaryDirectory() as directory, bss() as redirects:
        url = server.create_database("hostile")
        migrations.migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            add_namespace(connection)
            with gunicorn(
                "wsgi:app", url, redirects.url, Path(directory, "gunicorn.log")
            ) as service:
                started = time.monotonic()
                tally = _send_all(service.port, arguments.seed, arguments.requests)
                seconds = time.monotonic() - started
            written = _number(connection, "SELECT count(*) FROM asset")
            empty = _number(connection, _EMPTY)
        log = server.log()
    faults = [*tally.faults, *_faults_of_database(tally, written, empty, log)]
    for fault in faults:
        print(fault, file=sys.stderr)
    statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(tally.statuses.items()))
    print(
        f"{tally.answered:,} requests in {seconds:.0f} s"
        f" ({tally.answered / seconds:,.0f} a second): {statuses};"
        f" {written:,} assets registered, {len(faults)} faults"
    )
    return 1 if faults or tally.answered != arguments.requests else 0


@contextmanager
def _postgres() -> Iterator[Server]:
    server = Server(options=LOGGING)
    try:
        yield server
    finally:
        server.stop()


def _send_all(port: int, seed: str, requests: int) -> Tally:
    tokens = TokenSettings(secret=SECRET)
    signed = {subject: auth.sign(tokens, subject, 86_400) for subject in SUBJECTS}
    shares = [requests // PROCESSES] * (PROCESSES - 1)
    shares.append(requests - sum(shares))
    total = Tally()
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as executor:
        for tally in [
            executor.submit(send, port, f"{seed}-{number}", signed, share)
            for number, share in enumerate(shares)
        ]:
            total.add(tally.result())
    return total


def _faults_of_database(tally: Tally, written: int, empty: int, log: str) -> list[str]:
    faults = []
    if written != tally.registered:
        faults.append(f"{tally.registered:,} were answered with 201, {written:,} are there")
    if empty:
        faults.append(f"{empty:,} projects, episodes or folders lead to no asset")
    seen = {entry.replace("\n\t", "\n") for entry in _ENTRY.findall(log)}
    if not seen:
        faults.append("PostgreSQL logged no statement")
    faults += [f"not a file of sql/: {statement}" for statement in strange_statements(seen)]
    return faults


def _number(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


if __name__ == "__main__":
    sys.exit(main())
