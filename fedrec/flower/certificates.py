"""Certificates and keys of a federation on one machine, as Flower wants them: made by itself, and trusted by nobody else.

An authority signs the certificate of the SuperLink, and forgets its key. Each node has a pair of keys on the curve P-384.
"""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
LIFETIME = datetime.timedelta(days=365)
SKEW = datetime.timedelta(days=1)  # between the clocks of machines


@dataclass(frozen=True)
class Certificates:
    """The files of a SuperLink with TLS."""

    authority: Path  # certificate, which nodes and clients need
    server: Path  # certificate
    key: Path  # of the server


def make_certificates(folder: Path) -> Certificates:
    """Make an authority and the certificate of a server at 127.0.0.1, which is valid for a year. Replaces what is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority, server = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
    above, below = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("fedrec authority", HOST))
    root = _about(above, above, authority).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))])
    leaf = _about(below, above, server).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    made.authority.write_bytes(root.sign(authority, hashes.SHA384()).public_bytes(Encoding.PEM))
    made.server.write_bytes(leaf.add_extension(names, critical=False).sign(authority, hashes.SHA384()).public_bytes(Encoding.PEM))
    _write_secret(made.key, server.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def make_node_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a pair of keys for a node. Return the files of the private one and of the public one."""
    key = ec.generate_private_key(ec.SECP384R1())
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    _write_secret(private, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    return private, public


def _about(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - SKEW).not_valid_after(now + LIFETIME)


def _write_secret(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, not even for a moment."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
