"""A real nginx that runs ``deploy/nginx.conf``."""

import http.client
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dreamlake_assets.local.processes import Processes, accepts_connections, reserved_ports
from tests.support import programs

SITE = Path(__file__).parents[2] / "deploy" / "nginx.conf"
HOST = "assets.example.org"

#: The parts of a distribution's nginx.conf that surround a site.
_AROUND = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
worker_processes 1;
{user}
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


class Nginx:
    """The addresses and log files of an nginx."""

    def __init__(self, directory: Path, port: int, plain_port: int) -> None:
        self.directory = directory
        self.port = port
        self.plain_port = plain_port
        self.certificate = directory / "certificate.pem"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPSConnection:
        """A connection that opens at the first request and verifies the certificate."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)

    @property
    def access_log(self) -> Path:
        return self.directory / "access.log"

    @property
    def error_log(self) -> Path:
        return self.directory / "error.log"

    def temporary_file_sizes(self) -> list[int]:
        """Sizes in bytes of the open, unlinked files that buffer parts of responses."""
        pid = (self.directory / "nginx.pid").read_text().strip()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        sizes = []
        for child in children:
            for descriptor in Path(f"/proc/{child}/fd").iterdir():
                # nginx keeps running and may close a descriptor that was just listed.
                with suppress(FileNotFoundError):
                    if str(self.directory / "proxy") in str(descriptor.readlink()):
                        sizes.append(descriptor.stat().st_size)
        return sizes


@contextmanager
def running_nginx(
    directory: Path, upstream_port: int, replaced: Mapping[str, str] | None = None
) -> Iterator[Nginx]:
    """An nginx in front of a port, with its own directory.

    :param replaced: replacements in the site, besides the addresses and files of a machine.
    """
    with reserved_ports(2) as (port, plain_port):
        nginx = Nginx(directory, port, plain_port)
        configuration = _configure(nginx, upstream_port, replaced or {})
        children = Processes(directory)
        try:
            children.start(
                "nginx",
                [
                    str(programs.program("nginx")),
                    *("-p", str(directory), "-c", str(configuration)),
                    # The error log until nginx has read the configuration.
                    *("-e", str(nginx.error_log)),
                ],
                ready=lambda: accepts_connections(nginx.port),
                environment=programs.environment(),
            )
            yield nginx
        finally:
            children.stop()


def _configure(nginx: Nginx, upstream_port: int, replaced: Mapping[str, str]) -> Path:
    """Write the files that nginx reads; return the path of its configuration."""
    key = nginx.directory / "key.pem"
    _make_certificate(nginx.certificate, key)
    letsencrypt = f"/etc/letsencrypt/live/{HOST}"
    here = {
        "server 127.0.0.1:10334;": f"server 127.0.0.1:{upstream_port};",
        "listen 80;": f"listen 127.0.0.1:{nginx.plain_port};",
        "listen 443 ssl;": f"listen 127.0.0.1:{nginx.port} ssl;",
        f"{letsencrypt}/fullchain.pem": str(nginx.certificate),
        f"{letsencrypt}/privkey.pem": str(key),
        "/var/log/nginx/dreamlake-assets.log": str(nginx.access_log),
        **replaced,
    }
    (nginx.directory / "site.conf").write_text(programs.adapted(SITE, here))
    # Started as root, nginx would switch to a user who may not read this directory.
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = nginx.directory / "nginx.conf"
    configuration.write_text(_AROUND.format(directory=nginx.directory, user=user))
    return configuration


def _make_certificate(certificate: Path, key: Path) -> None:
    """Make a self-signed certificate for this machine and the site."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    names = [x509.DNSName(HOST), x509.IPAddress(ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
