"""Export a project to Parquet with DuckDB: python export_project.py PROJECT FILE."""

import sys
import tempfile

import duckdb
from assets_client import TIMEOUT_SECONDS, URL, namespace, session

#: Types of the members to export. The last line of a complete list has "end" and "count".
COLUMNS = {
    "id": "UUID",
    "kind": "VARCHAR",
    "episodeName": "VARCHAR",
    "name": "VARCHAR",
    "size": "BIGINT",
    "sha256": "VARCHAR",
    "contentType": "VARCHAR",
    "tags": "VARCHAR[]",
    "metadata": "JSON",
    "createdAt": "TIMESTAMPTZ",
    "end": "BOOLEAN",
    "count": "BIGINT",
}

project, target = sys.argv[1:]
query = {"namespace": namespace(), "project": project, "view": "full"}
ndjson = {"Accept": "application/x-ndjson"}
with (
    session.get(
        f"{URL}/assets", params=query, headers=ndjson, stream=True, timeout=TIMEOUT_SECONDS
    ) as response,
    tempfile.NamedTemporaryFile(suffix=".ndjson") as file,
):
    response.raise_for_status()
    for chunk in response.iter_content(1 << 20):
        file.write(chunk)
    file.flush()
    lines = duckdb.read_json(file.name, format="newline_delimited", columns=COLUMNS)
    if not lines.filter('"end"'):
        sys.exit("The list was cut off. Try again.")
    assets = lines.filter('"end" IS NULL').project('* EXCLUDE ("end", "count")')
    assets.write_parquet(target)
print(duckdb.read_parquet(target).aggregate("kind, count(*) AS assets, sum(size) AS bytes"))
