"""Where clients reach a store: inside the cluster, or by the name its plan gives it outside. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vectorstore_operator import names
from vectorstore_operator.plan import Resolved


@dataclass(frozen=True)
class Address:
    """One address."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """As a URL; without a port that goes without saying."""
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{self.host}" + ("" if self.port == usual else f":{self.port}")


def inside(store: Resolved) -> Address:
    """Where its Service answers."""
    return Address(scheme(store), names.host(store.name, store.namespace), names.PORT)


def address(store: Resolved) -> Address:
    """Where clients are to go."""
    return inside(store)


def scheme(store: Resolved) -> str:
    """What the store's pods speak."""
    return "https" if store.spec.tls else "http"
