"""The commands ``dreamlake-assets dev`` and ``dreamlake-assets demo``.

What they need is installed with the extra ``local``, so it is imported when they run: the other
commands do without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

_PORT = click.IntRange(1, 65535)


@click.command()
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default="var",
    show_default=True,
    help="Where data and logs are kept.",
)
@click.option("--port", type=_PORT, default=10334, show_default=True, help="Of the service.")
@click.option("--bss-port", type=_PORT, default=10234, show_default=True, help="Of the local BSS.")
def dev(*, directory: Path, port: int, bss_port: int) -> None:
    """Run everything on this machine, until Ctrl-C.

    The service, an embedded PostgreSQL, a local BSS and a local S3, on the loopback interface. The
    next run finds the data again.

    Example: dreamlake-assets dev
    """
    with _extra():
        from dreamlake_assets.local import stack  # noqa: PLC0415
    try:
        stack.run(directory, port=port, bss_port=bss_port)
    except stack.StackError as error:
        raise click.ClickException(str(error)) from error


@click.command()
@click.option(
    "--file",
    "video",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The video to upload; one is made when it is not given.",
)
@click.option("--url", default="http://127.0.0.1:10334", show_default=True, help="Of the service.")
@click.option("--bss-url", default="http://127.0.0.1:10234", show_default=True, help="Of BSS.")
def demo(*, video: Path | None, url: str, bss_url: str) -> None:
    """Take a real video through the service that `dreamlake-assets dev` runs.

    Uploads it to the local BSS, registers it with a file of each other kind beside it, lists them,
    downloads it and compares the bytes.

    Example: dreamlake-assets demo --file holiday.mp4
    """
    with _extra():
        from dreamlake_assets.local import demo as tour  # noqa: PLC0415
    try:
        tour.run(url=url, bss_url=bss_url, video=video)
    except tour.DemoError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed;"
            " the local stack needs: pip install 'dreamlake-assets[local]'"
        ) from error
