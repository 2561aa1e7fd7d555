"""The commands ``dreamlake-assets dev`` and ``dreamlake-assets demo``.

Their dependencies are installed with the extra ``local``. They are imported when a command runs, so
that the other commands work without them.
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
    help="Directory of the data and the logs.",
)
@click.option("--port", type=_PORT, default=10334, show_default=True, help="Port of the service.")
@click.option(
    "--bss-port", type=_PORT, default=10234, show_default=True, help="Port of the local BSS."
)
def dev(*, directory: Path, port: int, bss_port: int) -> None:
    """Run the local stack until Ctrl-C.

    The stack is the service, an embedded PostgreSQL, a local BSS and a local S3, all on the
    loopback interface. The data is kept for the next run.

    Example: dreamlake-assets dev
    """
    with _local_extra():
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
    help="The video to upload. By default a test video is generated.",
)
@click.option(
    "--url", default="http://127.0.0.1:10334", show_default=True, help="URL of the service."
)
@click.option(
    "--bss-url", default="http://127.0.0.1:10234", show_default=True, help="URL of the local BSS."
)
def demo(*, video: Path | None, url: str, bss_url: str) -> None:
    """Upload, register and download a real video on the local stack.

    The video and a sample file of each other kind are uploaded to the local BSS, registered and
    listed. Then the video is downloaded and compared. The stack must be running.

    Example: dreamlake-assets demo --file holiday.mp4
    """
    with _local_extra():
        from dreamlake_assets.local import demo as demo_module  # noqa: PLC0415
    try:
        demo_module.run(url=url, bss_url=bss_url, video=video)
    except demo_module.DemoError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _local_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed;"
            " install the local stack with: pip install 'dreamlake-assets[local]'"
        ) from error
