"""A name outside the cluster by an Ingress, where the plan says so: https://kubernetes.io/docs/concepts/services-networking/ingress/"""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.api.exposure import IngressTls
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.address import host
from vectorstore_operator.render.meta import child

ISSUERS = {"ClusterIssuer": "cert-manager.io/cluster-issuer", "Issuer": "cert-manager.io/issuer"}
"""https://cert-manager.io/docs/usage/ingress/#supported-annotations"""


def ingress(store: Resolved) -> Object | None:
    """The Ingress; its controller ends TLS and asks the client Service."""
    exposure, name = store.plan.spec.exposure, host(store)
    if exposure is None or exposure.ingress is None:
        return None
    backend = {"service": {"name": store.name, "port": {"number": names.PORT}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec: Object = {"rules": [{"host": name, "http": {"paths": [path]}}]}
    if exposure.ingress.class_name:
        spec["ingressClassName"] = exposure.ingress.class_name
    if exposure.tls:
        spec["tls"] = [{"hosts": [name]} | _secret(store, exposure.tls)]
    made = child(store, "networking.k8s.io/v1", "Ingress", store.name, spec=spec)
    issued = exposure.tls.issuer if exposure.tls else None
    annotations = exposure.ingress.annotations | ({ISSUERS[issued.kind]: issued.name} if issued else {})
    return {**made, "metadata": made["metadata"] | {"annotations": annotations}}


def _secret(store: Resolved, tls: IngressTls) -> Object:
    """Which Secret has the certificate; none is the controller's own."""
    if tls.issuer:
        return {"secretName": names.certificate(store.name)}
    return {"secretName": tls.secret_name} if tls.secret_name else {}
