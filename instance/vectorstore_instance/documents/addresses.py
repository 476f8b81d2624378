"""Where the instance may connect to on somebody else's word, and where never.

Judged is the address of the very socket that is about to connect, after whatever a name resolved to: a
name server that changes its answers gains nothing.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from typing import Any, Literal

Reach = Literal["public", "private", "named"]
"""`public`: the Internet alone. `private`: also the private networks, where the operator listed a host
by its name. `named`: the one address that the operator listed, whatever it is."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_EMBEDDED = ipaddress.ip_network("64:ff9b::/96")
_SHARED = ipaddress.ip_network("100.64.0.0/10")


class Forbidden(OSError):
    """An address that nothing may be fetched from."""


def check(host: str, reach: Reach) -> None:
    """Lets an address pass, or not.

    Args:
        host: an IP address.
        reach: how far one may go.

    Raises:
        Forbidden: not so far.
    """
    if reach == "named":
        return
    address = _plain(ipaddress.ip_address(host.partition("%")[0]))
    if address == _api_server():
        raise Forbidden(f"{address} is the cluster's API server")
    never = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    private = address.is_private or (address.version == 4 and address in _SHARED)
    if never or (not private and not address.is_global) or (private and reach == "public"):
        raise Forbidden(f"{address} is not an address of the public Internet")
    if private and not _is_network(address):
        raise Forbidden(f"{address} is reserved")


def sockets(reach: Reach) -> Callable[[Any], socket.socket]:
    """What makes the sockets of a client that may go so far: for aiohttp's `socket_factory`."""

    def make(info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        check(address[0], reach)
        return socket.socket(family, kind, protocol)

    return make


def _plain(address: Address) -> Address:
    """The IPv4 address within an IPv6 one, where that is all it is."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _EMBEDDED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def _is_network(address: Address) -> bool:
    """Whether hosts live there: the private networks proper, not what is set aside for other ends."""
    networks = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
    return any(address in ipaddress.ip_network(network) for network in networks)


def _api_server() -> Address | None:
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
