"""The name a plan gives a store outside the cluster, and why it may be refused. Pure."""

from __future__ import annotations

from collections.abc import Container

from vectorstore_operator import names
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.refusal import Refusal

LABEL = 63
"""The longest label of a DNS name: https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.4"""


def hostname(name: str, namespace: str, spec: StoreSpec, plan: PlanSpec) -> str | None:
    """The name clients outside go by; None where the plan exposes no stores."""
    if plan.exposure is None:
        return None
    return spec.hostname or f"{name}-{namespace}.{plan.exposure.domain}"


def plan_refused(name: str, plan: PlanSpec) -> Refusal | None:
    """Why a plan's stores could not be reached."""
    if plan.exposure is None or plan.network.clients:
        return None
    left_out, nobody = (
        "without network.clients: pods of a store's own namespace alone",
        "with network.clients: []: nobody",
    )
    return Refusal(
        "PlanInvalid",
        f"plan {name}: exposure {left_out if plan.network.clients is None else nobody} would reach it, and not "
        "what stands before it; name the namespace of the Ingress controller or Gateway in network.clients",
    )


def refused(host: str | None, spec: StoreSpec, name: str, plan: PlanSpec) -> Refusal | None:
    """Why a store cannot be exposed as it and its plan say.

    Args:
        host: from `hostname`.
        spec: what the store's manifest says.
        name: the plan's.
        plan: the plan in force.
    """
    exposure = plan.exposure
    if exposure is None or host is None:
        if spec.hostname is None:
            return None
        return Refusal(
            "HostnameNotInPlan",
            f"spec.hostname: {spec.hostname}, and plan {name} exposes no stores; remove hostname, or choose a plan "
            "with exposure",
        )
    label, _, domain = host.partition(".")
    if domain != exposure.domain:
        return Refusal(
            "HostnameNotInPlan",
            f"spec.hostname: {host} is not one label before the domain {exposure.domain} of plan {name}; choose "
            f"NAME.{exposure.domain}, or leave it out",
        )
    if len(label) > LABEL:
        return Refusal(
            "HostnameTooLong",
            f"spec.hostname: left out, and {label} has {len(label)} characters, of at most {LABEL}; choose "
            f"NAME.{exposure.domain}",
        )
    return _backend_refused(spec, name, exposure.backend_protocol)


def _backend_refused(spec: StoreSpec, name: str, protocol: str) -> Refusal | None:
    """What stands before the pods must speak as they do: nothing else answers on their port."""
    if (protocol == "HTTPS") == (spec.tls is not None):
        return None
    if spec.tls is None:
        says = "left out, and what exposes the stores of plan {} speaks HTTPS to pods; give the store a certificate"
    else:
        says = (
            "given, and what exposes the stores of plan {} speaks plain HTTP to pods; remove tls, or choose a plan "
            "whose exposure.backendProtocol is HTTPS"
        )
    return Refusal("BackendProtocolDiffers", f"spec.tls: {says.format(name)}")


def certificate_refused(store: str, spec: StoreSpec, name: str, plan: PlanSpec) -> Refusal | None:
    """Why pods cannot have the certificate a store names: another one is written there.

    Args:
        store: its name.
        spec: what its manifest says.
        name: the plan's.
        plan: the plan in force.
    """
    issuer = plan.exposure.tls.issuer if plan.exposure and plan.exposure.tls else None
    if issuer is None or spec.tls is None or spec.tls.secret_name != names.certificate(store):
        return None
    return Refusal(
        "CertificateNameTaken",
        f"spec.tls.secretName: {spec.tls.secret_name} is where the issuer {issuer.name} of plan {name} puts the "
        f"certificate for the name outside; put that of the pods into another Secret, such as {store}-pods-tls",
    )


def kind_refused(name: str, plan: PlanSpec, absent: Container[str]) -> Refusal | None:
    """Why what a plan exposes stores by cannot be made.

    Args:
        name: the plan's.
        plan: the plan in force.
        absent: kinds that the cluster does not have.
    """
    if plan.exposure is None:
        return None
    kind, field = ("HTTPRoute", "gateway") if plan.exposure.gateway else ("Ingress", "ingress")
    if kind not in absent:
        return None
    return Refusal(
        "KindMissing",
        f"plan {name}: exposure.{field} goes by {kind}, which this cluster does not have or does not let the operator "
        f"see; install its definition (of the Gateway API) and the chart's rights, or have the plan go another way",
        again=15,
    )


def taken(host: str) -> Refusal:
    """What is told a store whose name another one has; not whose."""
    return Refusal("HostnameTaken", f"spec.hostname: {host} is another store's already; choose another")
