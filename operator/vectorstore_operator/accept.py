"""From live objects to a verdict: what a store or plan comes to, or why it cannot be served. Pure.

The API server has checked most of it against the schema already; an object from before a rule was
made, or of a plan that changed since, explains itself here instead of stopping the operator.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from vectorstore_operator import names
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Identity, Plan, Refusal, Resolved, choose_plan, resolve, size_plan
from vectorstore_operator.quantity import to_bytes

_Spec = TypeVar("_Spec", bound=BaseModel)


def store(live: Object, plans: Iterable[Object], children: Children) -> Resolved | Refusal:
    """A store in full, by its plan and the volume it has, or why not."""
    meta = live["metadata"]
    spec = _parse(StoreSpec, live)
    if isinstance(spec, Refusal):
        return spec
    parsed = {p["metadata"]["name"]: _parse(PlanSpec, p) for p in plans}
    pinned = live.get("status", {}).get("plan")
    if isinstance(unreadable := parsed.get(spec.plan or pinned or ""), Refusal):
        return Refusal("PlanInvalid", unreadable.message)
    readable = {name: p for name, p in parsed.items() if isinstance(p, PlanSpec)}
    name = choose_plan(spec.plan, pinned, readable)
    if isinstance(name, Refusal):
        return name
    sized = size_plan(name, readable[name])
    if isinstance(sized, Refusal):
        return sized
    identity = Identity(meta["name"], meta["namespace"], meta["uid"], meta.get("generation", 0))
    return resolve(identity, spec, sized, claimed=claimed(meta["name"], children))


def plan(live: Object) -> Plan | Refusal:
    """A plan with its sizes, or why stores cannot use it."""
    spec = _parse(PlanSpec, live)
    return spec if isinstance(spec, Refusal) else size_plan(live["metadata"]["name"], spec)


def claimed(name: str, children: Children) -> int | None:
    """Bytes of the volume a store has: what its first claim asks for, else what its pods' template does."""
    if claim := children.get(("PersistentVolumeClaim", names.claim(name, 0))):
        return to_bytes(claim["spec"]["resources"]["requests"]["storage"])
    templates = children.get(("StatefulSet", name), {}).get("spec", {}).get("volumeClaimTemplates") or ()
    return next((to_bytes(t["spec"]["resources"]["requests"]["storage"]) for t in templates), None)


def _parse(model: type[_Spec], live: Object) -> _Spec | Refusal:
    try:
        return model.model_validate(live.get("spec") or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in ("spec", *first["loc"]))
        return Refusal(
            "SpecInvalid",
            f"{live['kind']} {live['metadata']['name']}: {field}: {first['msg']}, not {first['input']!r:.200}",
        )
