"""Whether what exposes a store has taken it up: what an Ingress controller or a Gateway says of its route. Pure."""

from __future__ import annotations

from vectorstore_operator.conditions import Told, told
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.address import address


def exposure_told(store: Resolved, children: Children) -> Told | None:
    """The condition Exposed; None for a store of a plan that exposes none."""
    exposure = store.plan.spec.exposure
    if exposure is None:
        return None
    if exposure.gateway:
        gateway = f"{exposure.gateway.namespace}/{exposure.gateway.name}"
        return _route(store, children.get(("HTTPRoute", store.name)) or {}, gateway)
    balancer = ((children.get(("Ingress", store.name)) or {}).get("status") or {}).get("loadBalancer") or {}
    if balancer.get("ingress"):
        return _routed(store)
    named = exposure.ingress.class_name if exposure.ingress else None
    of = f"IngressClass {named}" if named else "the default IngressClass"
    return told(
        "Exposed", None, "NoAnswer", f"no controller has told an address for the Ingress; is there one for {of}?"
    )


def _route(store: Resolved, route: Object, gateway: str) -> Told:
    parents = (route.get("status") or {}).get("parents") or ()
    for condition in (c for parent in parents for c in parent.get("conditions") or ()):
        if condition["status"] == "False":
            why = f"Gateway {gateway}: {condition['type']} is False: {condition.get('message') or condition['reason']}"
            remedy = (
                f"have its listeners allow HTTPRoutes of namespace {store.namespace} and names of the plan's domain"
            )
            return told("Exposed", False, condition["reason"], f"{why}; {remedy}")
    if parents:
        return _routed(store)
    return told("Exposed", None, "NoAnswer", f"Gateway {gateway} has not answered for the HTTPRoute; is it there?")


def _routed(store: Resolved) -> Told:
    return told("Exposed", True, "Routed", f"clients reach the store at {address(store).url}")
