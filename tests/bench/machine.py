"""The machine on which the figures were measured."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg


def describe(database_url: str) -> dict[str, str]:
    """Describe the factors that affect figures, without identifying the machine."""
    with psycopg.connect(database_url) as connection:
        server_version = connection.info.parameter_status("server_version") or ""
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "System": f"{platform.system()} {platform.release().partition('-')[0]}",
        "PostgreSQL": server_version.partition(" ")[0],
        "Python": describe_python(Path(sys.executable))[0],
        **{name: version(name) for name in ("gunicorn", "Flask", "psycopg")},
    }


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


#: Prints the version of a Python, and whether it was built with PGO. Debian, which optimises its
#: builds without the option, leaves the flag empty.
_DESCRIBE = """
import platform, sysconfig
options = sysconfig.get_config_var("CONFIG_ARGS") or ""
optimised = "--enable-optimizations" in options or not sysconfig.get_config_var("PGO_PROF_USE_FLAG")
print(platform.python_version(), "with" if optimised else "without")
"""


def describe_python(executable: Path) -> tuple[str, bool]:
    """Return the version of a Python as a text, and whether it was built with PGO."""
    printed = subprocess.run(
        [executable, "-c", _DESCRIBE], check=True, capture_output=True, text=True
    ).stdout
    number, built = printed.split()
    return f"{number}, built {built} PGO", built == "with"


def optimised_pythons() -> Iterator[Path]:
    """Yield the Pythons on the path that run the service and were built with PGO."""
    for directory in os.get_exec_path():
        for minor in range(11, 20):
            executable = Path(directory, f"python3.{minor}")
            try:
                optimised = describe_python(executable)[1]
            except (OSError, subprocess.CalledProcessError):
                continue
            if optimised:
                yield executable
