"""A name outside the cluster by an HTTPRoute, where the plan names a Gateway: https://gateway-api.sigs.k8s.io/api-types/httproute/"""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.address import host
from vectorstore_operator.render.meta import child

GROUP = "gateway.networking.k8s.io"


def http_route(store: Resolved) -> Object | None:
    """The HTTPRoute; the Gateway, its listeners and their certificates are the platform's."""
    exposure = store.plan.spec.exposure
    if exposure is None or exposure.gateway is None:
        return None
    gateway = exposure.gateway
    section = {"sectionName": gateway.section_name} if gateway.section_name else {}
    parent = {"group": GROUP, "kind": "Gateway", "name": gateway.name, "namespace": gateway.namespace} | section
    backend = {"group": "", "kind": "Service", "name": store.name, "port": names.PORT, "weight": 1}
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [backend]}
    spec = {"parentRefs": [parent], "hostnames": [host(store)], "rules": [rule]}
    return child(store, f"{GROUP}/v1", "HTTPRoute", store.name, spec=spec)
