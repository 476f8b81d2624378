"""Two Services: one for clients, over the pods that are ready, and one that names every pod."""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.meta import child


def client(store: Resolved) -> Object:
    """Where clients reach the store."""
    # A hint for proxies that speak to pods; the port's name stays, as pods and NetworkPolicies know it by that.
    secured = {"appProtocol": "https"} if store.spec.tls else {}
    port = _port("http", names.PORT) | secured
    spec = {"type": "ClusterIP", "selector": names.selector(store.name), "ports": [port]}
    return child(store, "v1", "Service", store.name, spec=spec)


def headless(store: Resolved) -> Object:
    """Names for single pods, ready or not: a leader that recovers must be found by those that follow it."""
    spec = {
        "type": "ClusterIP",
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": names.selector(store.name),
        "ports": [_port("http", names.PORT), _port("management", names.MANAGEMENT_PORT)],
    }
    return child(store, "v1", "Service", names.headless(store.name), spec=spec)


def _port(name: str, number: int) -> Object:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP"}
