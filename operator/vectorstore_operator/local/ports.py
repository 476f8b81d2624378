"""Loopback ports that stores can have."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection

from vectorstore_operator.local import Problem

_PORTS = range(20000, 32768)
"""Below the ports that Linux hands out to outgoing connections, which would take a stopped store's."""


def is_free(port: int) -> bool:
    """Whether a process could listen on this loopback port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def free_port(taken: Collection[int]) -> int:
    """A loopback port that nothing listens on and that is not one of these.

    Chosen by chance: two commands that look at the same time do not find the same.
    """
    for _ in range(1000):
        port = secrets.choice(_PORTS)
        if port not in taken and is_free(port):
            return port
    raise Problem(f"no free port between {_PORTS.start} and {_PORTS.stop - 1} on 127.0.0.1; end what listens there")
