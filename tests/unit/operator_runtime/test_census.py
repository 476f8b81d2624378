"""What the operator tells of all stores together."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.observe import Usage
from vectorstore_operator.telemetry.census import Census


def store(name: str, ready: str, reason: str, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "VectorStore",
        "metadata": {"namespace": "tenants", "name": name, "resourceVersion": "1"},
        "spec": spec,
        "status": {"plan": "starter", "conditions": [{"type": "Ready", "status": ready, "reason": reason}]},
    }


def page(usage: dict[Key, Usage], *stores: dict[str, Any]) -> list[str]:
    cache, registry = Cache(), CollectorRegistry()
    for one in stores:
        cache.put(one)
    registry.register(Census(cache, lambda: usage))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_stores_are_counted_by_condition_and_reason_and_not_named() -> None:
    lines = page({}, store("a", "True", "Serving"), store("b", "True", "Serving"), store("c", "False", "Crashing"))
    assert sorted(lines) == [
        'vectorstore_operator_store_conditions{condition="Ready",reason="Crashing",status="False"} 1.0',
        'vectorstore_operator_store_conditions{condition="Ready",reason="Serving",status="True"} 2.0',
    ]


def test_a_store_without_a_status_yet_is_no_error() -> None:
    new = {"kind": "VectorStore", "metadata": {"namespace": "t", "name": "new", "resourceVersion": "1"}}
    assert page({Key("t", "new"): Usage(documents=0, limit=5)}, new)


def test_plans_are_told_by_name_with_how_far_their_stores_follow() -> None:
    stopped = {"type": "RolledOut", "status": "False", "reason": "Stopped"}
    plan = {
        "kind": "VectorStorePlan",
        "metadata": {"name": "gold", "resourceVersion": "1"},
        "status": {"conditions": [stopped], "rollout": {"state": "Stopped", "updated": 3, "failed": 1}},
    }
    new = {"kind": "VectorStorePlan", "metadata": {"name": "new", "resourceVersion": "1"}}
    assert page({}, plan, new) == [
        'vectorstore_operator_plan_conditions{condition="RolledOut",plan="gold",reason="Stopped",status="False"} 1.0',
        'vectorstore_operator_plan_stores{plan="gold",stand="updated"} 3.0',
        'vectorstore_operator_plan_stores{plan="gold",stand="waiting"} 0.0',
        'vectorstore_operator_plan_stores{plan="gold",stand="moving"} 0.0',
        'vectorstore_operator_plan_stores{plan="gold",stand="failed"} 1.0',
        'vectorstore_operator_plan_stores{plan="gold",stand="refused"} 0.0',
    ]


def test_the_last_good_backup_is_told_of_stores_that_have_one() -> None:
    backed = store("a", "True", "Serving", tenantId="acme-inc")
    backed["status"]["backup"] = {"lastGoodAt": "2026-06-10T02:00:00Z", "count": 3}
    never = store("b", "True", "Serving")
    never["status"]["backup"] = {"count": 0}
    whose = '{name="a",namespace="tenants",plan="starter",tenant="acme-inc"}'
    assert [line for line in page({}, backed, never) if "backup" in line] == [
        f"vectorstore_operator_store_last_backup_timestamp_seconds{whose} 1.7810568e+09"
    ]


def test_usage_bears_the_tenant_s_name_and_plan_and_a_store_that_went_is_not_told() -> None:
    usage = {
        Key("tenants", "a"): Usage(documents=5, limit=10, bytes=7, last_request=1_700_000_000),
        Key("tenants", "gone"): Usage(documents=1, limit=1),
    }
    lines = page(usage, store("a", "True", "Serving", tenantId="acme-inc"))
    whose = '{name="a",namespace="tenants",plan="starter",tenant="acme-inc"}'
    assert [line for line in lines if "conditions" not in line] == [
        f"vectorstore_operator_store_documents{whose} 5.0",
        f"vectorstore_operator_store_documents_limit{whose} 10.0",
        f"vectorstore_operator_store_bytes{whose} 7.0",
        f"vectorstore_operator_store_last_request_timestamp_seconds{whose} 1.7e+09",
    ]
