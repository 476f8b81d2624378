"""TLS of the tenant port, from a directory as a Kubernetes Secret is mounted: `tls.crt`, `tls.key`, `ca.crt`.

A certificate is exchanged while connections are open: each handshake takes the newest good one, those
that are established keep theirs. Nothing polls; the files are looked at when somebody connects.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vectorstore_instance.core.watched import Watched

CERTIFICATE, KEY, AUTHORITY = "tls.crt", "tls.key", "ca.crt"


def server_context(folder: Path) -> ssl.SSLContext:
    """The context of a port that is served with the folder's certificate, whichever it has at the time.

    Raises:
        ValueError: a file is missing or wrong; says which and why.
    """
    certified = Watched([folder / CERTIFICATE, folder / KEY], lambda: _certified(folder))
    outer = _certified(folder)

    def newest(connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        connection.context = certified.current

    # Called in every handshake, whether the client names a server or not.
    outer.sni_callback = newest
    return outer


@dataclass(frozen=True)
class Trust:
    """What a server must prove to be taken for the right one."""

    context: ssl.SSLContext
    """Whose signature its certificate must bear."""
    name: str | None = None
    """Whom it must name; None: the host of the server's URL."""


def leader_trust(folder: Path | None) -> Callable[[], Trust]:
    """How the leader is verified: by what this pod itself has been given to show.

    All pods of a store have the same certificate, which names the store and seldom its pods. So the leader
    must show one for the same name, signed by the folder's `ca.crt` or, without that, an authority of the
    system's; or this very one, whoever signed it.

    Returns:
        What the next connection is verified by.

    Raises:
        ValueError: a file is wrong.
    """
    if folder is None:
        return cache(lambda: Trust(ssl.create_default_context()))
    trusted = Watched([folder / CERTIFICATE, folder / AUTHORITY], lambda: _trusting(folder))
    return lambda: trusted.current


def _certified(folder: Path) -> ssl.SSLContext:
    for name in (CERTIFICATE, KEY):
        try:
            (folder / name).open("rb").close()
        except OSError as problem:
            raise ValueError(
                f"TLS_DIR: {folder / name}: {problem.strerror}; put the certificate and its key there"
            ) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password of its own OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(folder / CERTIFICATE, folder / KEY, password="")
    except (ssl.SSLError, ValueError) as problem:
        raise ValueError(
            f"TLS_DIR: {folder}: {CERTIFICATE} and {KEY} do not serve: {problem}; both must be PEM, the key "
            "unencrypted and that of the first certificate"
        ) from None
    return context


def _trusting(folder: Path) -> Trust:
    authority = folder / AUTHORITY
    try:
        context = ssl.create_default_context(cafile=authority if authority.exists() else None)
    except (ssl.SSLError, OSError) as problem:
        raise ValueError(f"TLS_DIR: {authority}: {problem}; it must hold PEM certificates of authorities") from None
    own, name = _own(folder / CERTIFICATE)
    context.load_verify_locations(cadata=own)
    # A certificate that is no authority's counts as trusted by itself only so; nothing it signed is. Strict checks,
    # which newer Pythons turn on, ask of it what only authorities' certificates have.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return Trust(context, name)


def _own(path: Path) -> tuple[bytes, str]:
    """The first certificate of a file, without those that signed it, in DER; and a name it is for."""
    from cryptography import x509  # 5 MiB that a store of one pod saves
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError) as problem:
        raise ValueError(f"TLS_DIR: {path}: {problem}; it must hold PEM certificates") from None
    except x509.ExtensionNotFound:
        names = None
    hosts = names.get_values_for_type(x509.DNSName) if names else []
    addresses = names.get_values_for_type(x509.IPAddress) if names else []
    if not hosts and not addresses:
        raise ValueError(f"TLS_DIR: {path}: names no host, so no client can verify it; add a subjectAltName")
    return certificate.public_bytes(Encoding.DER), hosts[0].replace("*", "any") if hosts else str(addresses[0])
