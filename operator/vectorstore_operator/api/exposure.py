"""How clients reach a store: TLS in its pods, and a name outside the cluster by Ingress or Gateway."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vectorstore_operator.api.base import Model, Subdomain
from vectorstore_operator.api.network import keyed_well
from vectorstore_operator.api.rules import Ruled, excludes, needs, one_of

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_NAME = rf"^{_LABEL}(\.{_LABEL})+$"

Domain = Annotated[str, Field(pattern=_DNS_NAME, max_length=189)]
"""A DNS name of at least two labels that leaves room for one more before it."""

Hostname = Annotated[str, Field(pattern=_DNS_NAME, max_length=253)]
"""A DNS name."""

Annotations = Annotated[
    dict[str, Annotated[str, Field(max_length=4096)]],
    Field(max_length=32),
    AfterValidator(keyed_well),
]
"""Annotations of a Kubernetes object."""

CERTIFICATE = excludes(
    "secret_name",
    "issuer",
    message="tls.secretName names a certificate that is there, tls.issuer has one made; state one of them",
)

WAY = one_of("ingress", "gateway", "exposure goes by ingress or by gateway; state one of them")

LISTENER = needs(
    "tls",
    "ingress",
    "exposure.tls goes with ingress: a Gateway's listener holds its certificate itself",
)


class StoreTls(Model):
    """TLS in the store's pods."""

    secret_name: Subdomain
    """A Secret of type kubernetes.io/tls in the store's namespace; read again when it changes."""


class Issuer(Model):
    """What makes certificates: an issuer of cert-manager's."""

    name: Subdomain
    """Its name."""
    kind: Literal["ClusterIssuer", "Issuer"] = "ClusterIssuer"
    """An Issuer has to be in every namespace that has stores of the plan."""


class IngressTls(Ruled):
    """The certificate an Ingress shows; with neither field the controller's default one."""

    rules = (CERTIFICATE,)
    secret_name: Subdomain | None = None
    """A Secret of type kubernetes.io/tls for all names of the domain, in every namespace with stores of the plan."""
    issuer: Issuer | None = None
    """Makes one for every store, in the Secret `<store>-tls`."""


class Ingress(Model):
    """Exposure by an Ingress for every store."""

    class_name: Subdomain | None = None
    """IngressClass; omitted = the cluster's default."""
    annotations: Annotations = {}
    """For its controller: the largest body, time-outs, allowed sources."""


class Gateway(Model):
    """Exposure by an HTTPRoute for every store, attached to a Gateway that is there."""

    name: Subdomain
    """Its name."""
    namespace: Subdomain
    """Where it is."""
    section_name: Subdomain | None = None
    """One listener of it; omitted = all that match."""
    scheme: Literal["https", "http"] = "https"
    """What its listener speaks to clients."""


class Exposure(Ruled):
    """A name outside the cluster for every store of a plan: `<store>-<namespace>.<domain>`."""

    rules = (WAY, LISTENER)
    domain: Domain
    """What all names end with; its wildcard DNS entry leads to the Ingress controller or the Gateway."""
    ingress: Ingress | None = None
    """By an Ingress."""
    gateway: Gateway | None = None
    """By an HTTPRoute of the Gateway API."""
    port: int | None = Field(None, ge=1, le=65535)
    """Where clients find it, where that is neither 443 nor 80."""
    tls: IngressTls | None = None
    """The certificate of an Ingress; omitted = plain HTTP."""
    backend_protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    """What the controller speaks to pods. HTTPS has to be told to it, by annotation or BackendTLSPolicy, and needs
    `tls` in every store."""
