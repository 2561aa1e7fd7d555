"""The services that the routes of a process share."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from flask import Flask, current_app

from dreamlake_assets import limits
from dreamlake_assets.auth import Authenticator, check_keys
from dreamlake_assets.bss import Bss
from dreamlake_assets.config import Settings
from dreamlake_assets.database.connection import check_url
from dreamlake_assets.database.pool import Database
from dreamlake_assets.errors import Overloaded
from dreamlake_assets.model.cursors import Cursors
from dreamlake_assets.transport import tls_context, uses_tls

if TYPE_CHECKING:
    from dreamlake_assets.serving.metrics import Metrics

_EXTENSION = "dreamlake_assets"


@dataclass(frozen=True, slots=True)
class Services:
    """The services of an application, created once for each process."""

    authenticator: Authenticator
    bss: Bss
    cursors: Cursors
    database: Database
    metrics: "Metrics | None"
    batches: BoundedSemaphore

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Serve a batch within the block. Other requests keep the rest of the worker.

        :raises Overloaded: the worker serves as many batches as it can.
        """
        if not self.batches.acquire(blocking=False):
            raise Overloaded
        try:
            yield
        finally:
            self.batches.release()

    def open(self) -> None:
        """Start the background work. Call it in the process that serves, after the fork."""
        self.database.open()
        if self.metrics is not None:
            self.metrics.open()

    def close(self) -> None:
        """Stop the background work."""
        if self.metrics is not None:
            self.metrics.close()
        self.authenticator.close()
        self.database.close()


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings, and check keys, URLs and certificates with the libraries that use them.

    :raises SettingsError: a setting is missing or bad.
    """
    settings = Settings.from_environment(environ)
    check_keys(settings.tokens)
    check_url("DATABASE_URL", settings.database_url)
    if settings.database_read_url is not None:
        check_url("DATABASE_READ_URL", settings.database_read_url)
    if settings.ca_file or any(map(uses_tls, (settings.bss_url, settings.tokens.jwks_url))):
        tls_context(settings.ca_file)
    return settings


def install(app: Flask, settings: Settings) -> Services:
    """Create the services of an application and attach them to it.

    They are still closed: see :meth:`Services.open`.
    """
    # Streams wait for their clients, and tokens with unknown keys wait for the issuer. The other
    # half of the requests that are worked on stays free of them.
    half = max(1, settings.threads // 2)
    previous = settings.previous_cursor_secret
    database = Database(
        settings.database_url,
        read_url=settings.database_read_url,
        connections=settings.threads,
        streams=half,
        prepared=settings.prepared_statements,
        on_cluster=settings.on_cluster,
    )
    installed = Services(
        authenticator=Authenticator(settings.tokens, concurrency=half, ca_file=settings.ca_file),
        bss=Bss(
            settings.bss_url,
            token=settings.bss_token,
            timeout=settings.bss_timeout,
            concurrency=limits.DOWNLOADS * settings.threads,
            ca_file=settings.ca_file,
        ),
        cursors=Cursors(
            settings.cursor_secret.encode(),
            previous.encode() if previous is not None else None,
        ),
        database=database,
        metrics=_metrics(settings, database),
        # Batches take long. With a quarter free of them, eight clients that send batches to two
        # workers are not refused, although their connections may be spread unevenly.
        batches=BoundedSemaphore(max(1, settings.threads * 3 // 4)),
    )
    app.extensions[_EXTENSION] = installed
    return installed


def _metrics(settings: Settings, database: Database) -> "Metrics | None":
    if settings.metrics_token is None:
        return None
    # Imported only now, when gunicorn has started; metrics.py gives the reason.
    from dreamlake_assets.serving.metrics import Metrics  # noqa: PLC0415

    return Metrics(settings.metrics_token, database)


def services() -> Services:
    """Return the services of the application that serves the current request."""
    return current_app.extensions[_EXTENSION]
