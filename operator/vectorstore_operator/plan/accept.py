"""From live objects to a verdict: what a store or plan comes to, or why it cannot be served. Pure.

The API server has checked most of it against the schema already; an object from before a rule was
made, or of a plan that changed since, explains itself here instead of stopping the operator.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan.claimed import Around, volume_of
from vectorstore_operator.plan.embedding import Before
from vectorstore_operator.plan.resolve import choose_plan, resolve, size_plan
from vectorstore_operator.plan.resolved import Identity, Plan, Resolved
from vectorstore_operator.refusal import Refusal

NOTHING_KNOWN = Around()
_Spec = TypeVar("_Spec", bound=BaseModel)


def store(
    live: Object, plans: Iterable[Object], children: Children, around: Around = NOTHING_KNOWN
) -> Resolved | Refusal:
    """A store in full, by its plan and the volume it has, or why not."""
    spec = _parse(StoreSpec, live)
    if isinstance(spec, Refusal):
        return spec
    pinned = live.get("status", {}).get("plan")
    known = {p["metadata"]["name"]: p for p in plans}
    if (only := spec.plan or pinned) in known:
        known = {only: known[only]}
    parsed = {name: _parse(PlanSpec, p) for name, p in known.items()}
    if isinstance(unreadable := parsed.get(spec.plan or pinned or ""), Refusal):
        return Refusal("PlanInvalid", unreadable.message)
    readable = {name: p for name, p in parsed.items() if isinstance(p, PlanSpec)}
    name = choose_plan(spec.plan, pinned, readable)
    if isinstance(name, Refusal):
        return name
    return _under(live, spec, name, readable[name], children, around)


def under(
    live: Object, plan: str, plan_spec: PlanSpec, children: Children, around: Around = NOTHING_KNOWN
) -> Resolved | Refusal:
    """A store in full by a plan that is given, such as its own as that once was, or why not."""
    spec = _parse(StoreSpec, live)
    return spec if isinstance(spec, Refusal) else _under(live, spec, plan, plan_spec, children, around)


def _under(
    live: Object, spec: StoreSpec, plan: str, plan_spec: PlanSpec, children: Children, around: Around
) -> Resolved | Refusal:
    sized = size_plan(plan, plan_spec)
    if isinstance(sized, Refusal):
        return sized
    meta = live["metadata"]
    identity = Identity(meta["name"], meta["namespace"], meta["uid"], meta.get("generation", 0))
    return resolve(identity, spec, sized, volume_of(live, children, around), before(live.get("status") or {}))


def before(status: Object) -> Before:
    """What a store was first accepted with."""
    return Before(status.get("plan"), status.get("precision"), status.get("dimension"))


def plan(live: Object) -> Plan | Refusal:
    """A plan with its sizes, or why stores cannot use it."""
    spec = _parse(PlanSpec, live)
    return spec if isinstance(spec, Refusal) else size_plan(live["metadata"]["name"], spec)


def _parse(model: type[_Spec], live: Object) -> _Spec | Refusal:
    try:
        return model.model_validate(live.get("spec") or {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in ("spec", *first["loc"]))
        why = first["msg"].removeprefix("Value error, ")
        return Refusal(
            "SpecInvalid",
            f"{live['kind']} {live['metadata']['name']}: {field}: {why}, not {first['input']!r:.200}",
        )
