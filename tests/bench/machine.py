"""The machine on which the figures were measured."""

import os
import platform
import sys
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
        "Python": ".".join(map(str, sys.version_info[:3])),
        **{name: version(name) for name in ("gunicorn", "Flask", "psycopg")},
    }


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
