"""Stores as the operator's pure core takes them, made from manifests by the real models and plans."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.names import credentials
from vectorstore_operator.objects import Children, Object, key
from vectorstore_operator.plan import Identity, Plan, Resolved, resolve, size_plan
from vectorstore_operator.plan.volume import Volume
from vectorstore_operator.render import Platform, keys

UID = "6f1f2b0a-6c7e-4a57-9d35-0d8d5f6a0c11"

PLATFORM = Platform(
    image="registry.example/vectorstore-instance:1.0.0",
    operator_namespace="vectorstore-system",
    operator_labels={"app.kubernetes.io/name": "vectorstore-operator"},
    secret=b"not a secret",
)

SHIPPED: dict[str, dict[str, Any]] = {
    plan["metadata"]["name"]: plan["spec"]
    for plan in yaml.safe_load_all(files("vectorstore_operator").joinpath("plans.yaml").read_text())
}


def sized(name: str, spec: dict[str, Any]) -> Plan:
    """A plan that is as it should be."""
    plan = size_plan(name, PlanSpec.model_validate(spec))
    assert isinstance(plan, Plan), plan
    return plan


def store(
    plan: str | Plan = "starter",
    *,
    name: str = "acme",
    namespace: str = "tenants",
    uid: str = UID,
    generation: int = 1,
    claimed: int | None = None,
    **spec: Any,
) -> Resolved:
    """A store that is accepted; `spec` in the words of a manifest."""
    chosen = plan if isinstance(plan, Plan) else sized(plan, SHIPPED[plan])
    identity = Identity(name, namespace, uid, generation)
    resolved = resolve(identity, StoreSpec.model_validate(spec), chosen, Volume(claimed=claimed))
    assert isinstance(resolved, Resolved), resolved
    return resolved


def given_credentials(resolved: Resolved) -> Object:
    """The tenant's Secret as the operator creates it, with keys that are known."""
    return keys.credentials(resolved, "the read-write key", "the read-only key")


def with_credentials(resolved: Resolved, *others: Object) -> Children:
    """Children: the tenant's Secret and others."""
    found = {("Secret", credentials(resolved.name)): given_credentials(resolved)}
    return found | {key(other): other for other in others}
