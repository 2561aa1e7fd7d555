"""A real PgBouncer that runs ``deploy/pgbouncer.ini``."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from dreamlake_assets.config import Settings
from dreamlake_assets.local.postgres import lend, process_options, unprivileged_user
from dreamlake_assets.local.processes import Processes, accepts_connections, reserved_ports
from tests.support import programs

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "pgbouncer.ini"


class PgBouncer:
    """The address of a PgBouncer."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, database_url: str) -> str:
        """The URL of the same database through PgBouncer."""
        parts = urlsplit(database_url)
        return parts._replace(netloc=f"{parts.username}@127.0.0.1:{self.port}").geturl()

    def settings(self, settings: Settings) -> Settings:
        """Settings of a service behind PgBouncer; Debian's 1.18 lacks prepared statements."""
        url = self.url(settings.database_url)
        return replace(settings, database_url=url, prepared_statements=False)


@contextmanager
def running_pgbouncer(
    postgres_port: int, replaced: Mapping[str, str] | None = None
) -> Iterator[PgBouncer]:
    """A PgBouncer in front of a PostgreSQL on 127.0.0.1 that requires no password.

    :param replaced: replacements in the configuration, besides those of a machine.
    """
    # PgBouncer's user has no access to the directories of pytest.
    directory = Path(tempfile.mkdtemp(prefix="dreamlake-pgbouncer-"))
    with reserved_ports(1) as [port]:
        pgbouncer = PgBouncer(port)
        configuration = _configure(directory, port, postgres_port, replaced or {})
        children = Processes(directory)
        try:
            children.start(
                "pgbouncer",
                [str(programs.program("pgbouncer")), str(configuration)],
                ready=lambda: accepts_connections(port),
                environment=programs.environment(),
                **process_options(),
            )
            yield pgbouncer
        finally:
            children.stop()
            shutil.rmtree(directory)


def _configure(directory: Path, port: int, postgres_port: int, replaced: Mapping[str, str]) -> Path:
    """Write the files that PgBouncer reads; return the path of its configuration."""
    users = directory / "userlist.txt"
    users.write_text('"dreamlake_service" ""\n"postgres" ""\n')
    here = {
        "port=5432": f"port={postgres_port}",
        "listen_port = 6432": f"listen_port = {port}",
        "auth_type = scram-sha-256": "auth_type = trust",
        "/etc/pgbouncer/userlist.txt": str(users),
        **replaced,
    }
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(programs.adapted(CONFIGURATION, here))
    user = unprivileged_user()
    if user is not None:
        # PgBouncer refuses to run as root.
        lend(directory, user)
    return configuration
