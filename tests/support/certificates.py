"""A private certificate authority and the certificates it issues."""

import hashlib
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


class Authority:
    """A certificate authority that no machine trusts.

    :ivar file: its certificate, in PEM.
    """

    def __init__(self, directory: Path, name: str = "an authority of the tests") -> None:
        self._directory = directory
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._issue(
            name, self._key, datetime.now(UTC) + _DAY, x509.BasicConstraints(ca=True, path_length=0)
        )
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def directory(self) -> Path:
        """A directory in which OpenSSL finds the certificate by its subject hash."""
        attribute = b"\x06\x03\x55\x04\x03" + _der(0x0C, self._name.encode())
        digest = hashlib.sha1(_der(0x31, _der(0x30, attribute))).digest()
        directory = self._directory / "hashed"
        directory.mkdir()
        name = f"{int.from_bytes(digest[:4], 'little'):08x}.0"
        (directory / name).write_bytes(self.file.read_bytes())
        return directory

    def server(self, host: str = "127.0.0.1", *, expires: datetime | None = None) -> ssl.SSLContext:
        """The TLS context of a server, with a certificate for a host or an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            san: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            san = x509.DNSName(host)
        certificate = self._issue(
            host,
            key,
            expires or datetime.now(UTC) + _DAY,
            x509.BasicConstraints(ca=False, path_length=None),
            x509.SubjectAlternativeName([san]),
        )
        file = self._directory / "server.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _issue(
        self,
        subject: str,
        key: ec.EllipticCurvePrivateKey,
        expires: datetime,
        *extensions: x509.ExtensionType,
    ) -> x509.Certificate:
        own = self._key.public_key()
        extensions += (
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(own),
        )
        if subject == self._name:
            extensions += (_MAY_SIGN_CERTIFICATES,)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_common_name(subject))
            .issuer_name(_common_name(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(expires - 2 * _DAY)
            .not_valid_after(expires)
        )
        for extension in extensions:
            critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self._key, hashes.SHA256())


_MAY_SIGN_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _der(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content
