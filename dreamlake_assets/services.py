"""What the routes of one process work with."""

from dataclasses import dataclass

from flask import Flask, current_app

from dreamlake_assets.auth import Authenticator
from dreamlake_assets.bss import Bss
from dreamlake_assets.config import Settings
from dreamlake_assets.cursors import Cursors
from dreamlake_assets.db import Database

_EXTENSION = "dreamlake_assets"


@dataclass(frozen=True, slots=True)
class Services:
    """Made once for each process."""

    authenticator: Authenticator
    bss: Bss
    cursors: Cursors
    database: Database

    def close(self) -> None:
        """End what works in the background."""
        self.authenticator.close()
        self.database.close()


def install(app: Flask, settings: Settings) -> Services:
    """Make the services of an application."""
    part = max(1, settings.threads // 2)
    previous = settings.previous_cursor_secret
    made = Services(
        authenticator=Authenticator(settings.tokens, concurrency=part),
        bss=Bss(
            settings.bss_url,
            token=settings.bss_token,
            timeout=settings.bss_timeout,
            # Downloads and streams wait for others; half of the threads stay for everybody else.
            concurrency=part,
        ),
        cursors=Cursors(
            settings.cursor_secret.encode(),
            previous.encode() if previous is not None else None,
        ),
        database=Database(
            settings.database_url,
            read_url=settings.database_read_url,
            connections=settings.threads,
            streams=part,
            prepared=settings.prepared_statements,
            on_cluster=settings.on_cluster,
        ),
    )
    app.extensions[_EXTENSION] = made
    return made


def services() -> Services:
    """The services of the application that serves the current request."""
    return current_app.extensions[_EXTENSION]
