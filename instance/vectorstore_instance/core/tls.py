"""TLS of the tenant port, from a directory as a Kubernetes Secret is mounted: `tls.crt`, `tls.key`, `ca.crt`.

A certificate is exchanged while connections are open: each handshake takes the newest good one, those
that are established keep theirs. Nothing polls; the files are looked at when somebody connects.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
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


def client_context(folder: Path | None) -> Callable[[], ssl.SSLContext]:
    """What verifies the leader: the folder's `ca.crt` where there is one, else the system's authorities.

    Returns:
        The context for the next connection.

    Raises:
        ValueError: the file is there and wrong.
    """
    if folder is None:
        return cache(ssl.create_default_context)
    path = folder / AUTHORITY
    trusted = Watched([path], lambda: _trusting(path))
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


def _trusting(path: Path) -> ssl.SSLContext:
    if not path.exists():
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=path)
    except (ssl.SSLError, OSError) as problem:
        raise ValueError(f"TLS_DIR: {path}: {problem}; it must hold PEM certificates of authorities") from None
