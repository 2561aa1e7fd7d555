"""What the routes of one process work with."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Flask, current_app

from dreamlake_assets.auth import Authenticator, check_keys
from dreamlake_assets.bss import Bss
from dreamlake_assets.config import Settings
from dreamlake_assets.database.connection import check_url
from dreamlake_assets.database.pool import Database
from dreamlake_assets.model.cursors import Cursors

if TYPE_CHECKING:
    from dreamlake_assets.serving.metrics import Metrics

_EXTENSION = "dreamlake_assets"


@dataclass(frozen=True, slots=True)
class Services:
    """Made once for each process."""

    authenticator: Authenticator
    bss: Bss
    cursors: Cursors
    database: Database
    metrics: "Metrics | None"

    def open(self) -> None:
        """Begin what works in the background; to be called in the process that serves."""
        self.database.open()
        if self.metrics is not None:
            self.metrics.open()

    def close(self) -> None:
        """End what works in the background."""
        if self.metrics is not None:
            self.metrics.close()
        self.authenticator.close()
        self.database.close()


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process, with keys and URLs checked by the libraries that use them.

    :raises SettingsError: a setting is missing or bad.
    """
    settings = Settings.from_environment(environ)
    check_keys(settings.tokens)
    check_url("DATABASE_URL", settings.database_url)
    if settings.database_read_url is not None:
        check_url("DATABASE_READ_URL", settings.database_read_url)
    return settings


def install(app: Flask, settings: Settings) -> Services:
    """Make the services of an application."""
    part = max(1, settings.threads // 2)
    previous = settings.previous_cursor_secret
    database = Database(
        settings.database_url,
        read_url=settings.database_read_url,
        connections=settings.threads,
        streams=part,
        prepared=settings.prepared_statements,
        on_cluster=settings.on_cluster,
    )
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
        database=database,
        metrics=_metrics(settings, database),
    )
    app.extensions[_EXTENSION] = made
    return made


def _metrics(settings: Settings, database: Database) -> "Metrics | None":
    if settings.metrics_token is None:
        return None
    # Not before gunicorn has begun, and not at all where nobody may read them: metrics.py says why.
    from dreamlake_assets.serving.metrics import Metrics  # noqa: PLC0415

    return Metrics(settings.metrics_token, database)


def services() -> Services:
    """The services of the application that serves the current request."""
    return current_app.extensions[_EXTENSION]
