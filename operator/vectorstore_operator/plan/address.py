"""Where clients reach a store: inside the cluster, or by the name its plan gives it outside. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vectorstore_operator import names
from vectorstore_operator.plan.exposure import hostname
from vectorstore_operator.plan.resolved import Resolved

_USUAL = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """One address."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """As a URL; without a port that goes without saying."""
        return f"{self.scheme}://{self.host}" + ("" if self.port == _USUAL[self.scheme] else f":{self.port}")


def address(store: Resolved) -> Address:
    """Where clients are to go."""
    outside, exposure = host(store), store.plan.spec.exposure
    if exposure is None or outside is None:
        return Address(scheme(store), names.host(store.name, store.namespace), names.PORT)
    spoken = exposure.gateway.scheme if exposure.gateway else "https" if exposure.tls else "http"
    return Address(spoken, outside, exposure.port or _USUAL[spoken])


def host(store: Resolved) -> str | None:
    """The name clients outside go by; None where there is none."""
    return hostname(store.name, store.namespace, store.spec, store.plan.spec)


def scheme(store: Resolved) -> str:
    """What the store's pods speak."""
    return "https" if store.spec.tls else "http"
