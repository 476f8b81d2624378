"""What the rendered children promise to each other, to the instance and to the API server."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from tests.support.desired import PLATFORM, UID, given_credentials, sized, store, with_credentials

from vectorstore_instance.core.keys import Keys
from vectorstore_instance.core.roles import Role
from vectorstore_instance.settings import Limits, load
from vectorstore_operator import names
from vectorstore_operator.objects import Children, Object, key
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render import claims, desired, keys, pod

CREDENTIALS = ("Secret", "acme-credentials")


def rendered(resolved: Resolved, children: Children | None = None) -> dict[tuple[str, str], Object]:
    found = with_credentials(resolved) if children is None else children
    return {key(obj): obj for phase in desired(resolved, PLATFORM, found) for obj in phase}


def differing(one: Resolved, other: Resolved) -> set[str]:
    before, after = rendered(one), rendered(other)
    return {kind for kind, name in before.keys() | after.keys() if before.get((kind, name)) != after.get((kind, name))}


def template(resolved: Resolved) -> Any:
    return rendered(resolved)["StatefulSet", "acme"]["spec"]["template"]


def test_a_quota_changes_the_limits_alone() -> None:
    assert differing(store(), store(generation=2, quota={"documents": 5})) == {"ConfigMap"}


def test_replicas_change_no_pod() -> None:
    one, three = store("standard"), store("standard", replicas=3)
    assert differing(one, three) == {"StatefulSet", "PodDisruptionBudget"}
    assert template(one) == template(three)


@pytest.mark.parametrize("plan", [{}, {"cpu": {"limit": "2"}}, {"memory": "3Gi"}])
def test_another_plan_changes_the_pods(plan: dict[str, Any]) -> None:
    one = store(sized("one", {"documents": 100}))
    other = store(sized("other" if not plan else "one", {"documents": 100} | plan))
    assert template(one) != template(other)


def test_every_child_is_the_stores() -> None:
    for obj in rendered(store("standard", replicas=2)).values():
        (owner,) = obj["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (UID, True, True)
        assert obj["metadata"]["labels"]["vectorstore.dev/store"] == "acme"
        assert obj["metadata"]["namespace"] == "tenants"


def test_the_instance_reads_its_settings_and_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = store("standard", tenantId="Acme", quota={"documents": 7})
    environment = template(resolved)["spec"]["containers"][0]["env"]
    for variable in environment:
        monkeypatch.setenv(variable["name"], variable.get("value", "2"))
    settings = load()
    assert settings == pod.settings(resolved).model_copy(update={"pod_index": 2})
    assert (settings.tenant_id, settings.plan, settings.host) == ("Acme", "standard", "0.0.0.0")
    assert settings.leader_url == "http://acme-0.acme-headless.tenants.svc:8000"
    limits = rendered(resolved)["ConfigMap", "acme-limits"]["data"]["limits.json"]
    assert Limits.model_validate_json(limits).max_documents == 7


def test_a_store_of_one_pod_follows_nobody() -> None:
    assert "LEADER_URL" not in [variable["name"] for variable in template(store())["spec"]["containers"][0]["env"]]


def instance_keys(secret: Object, folder: Path) -> Keys:
    for name, content in secret["data"].items():
        (folder / name).write_bytes(base64.b64decode(content))
    return Keys(folder)


def test_the_instance_knows_the_keys(tmp_path: Path) -> None:
    known = instance_keys(rendered(store())["Secret", "acme-keys"], tmp_path)
    assert known.role("the read-write key") is Role.READ_WRITE
    assert known.role("the read-only key") is Role.READ_ONLY
    assert known.role(keys.token(PLATFORM.secret, "admin", UID)) is Role.ADMIN
    assert known.role(keys.token(PLATFORM.secret, "internal", UID)) is Role.INTERNAL
    assert known.role("another") is None


def test_pods_get_no_key_of_a_tenant_in_plain_text() -> None:
    text = repr(rendered(store()))
    for plain in ("the read-write key", "the read-only key"):
        assert plain not in text
        assert base64.b64encode(plain.encode()).decode() not in text
    admin = keys.token(PLATFORM.secret, "admin", UID)
    assert base64.b64encode(f"{admin}\n".encode()).decode() not in text


def test_every_line_of_a_rotated_key_is_valid(tmp_path: Path) -> None:
    credentials = given_credentials(store())
    credentials["data"]["read-write"] = base64.b64encode(b"new\n\n old \n").decode()
    secret = rendered(store(), {CREDENTIALS: credentials})["Secret", "acme-keys"]
    known = instance_keys(secret, tmp_path)
    assert known.role("new") is known.role("old") is Role.READ_WRITE
    assert known.role("the read-write key") is None


def test_tokens_differ_by_secret_purpose_and_store() -> None:
    tokens = {keys.token(s, p, u) for s in (b"1", b"2") for p in ("admin", "internal") for u in ("a", "b")}
    assert len(tokens) == 8


def test_the_operator_secret_is_not_shown() -> None:
    assert "not a secret" not in repr(PLATFORM)


@pytest.mark.parametrize("whose", ["nobody's", "another's", "none"])
def test_without_credentials_of_its_own_a_store_has_no_pods(whose: str) -> None:
    secret = given_credentials(store())
    if whose == "nobody's":
        secret["metadata"] = {"name": "acme-credentials"}
    else:
        secret["metadata"]["ownerReferences"][0]["uid"] = "other"
    found = rendered(store(), {} if whose == "none" else {CREDENTIALS: secret})
    assert "StatefulSet" not in {kind for kind, _ in found}
    assert ("Secret", "acme-keys") not in found


def test_the_credentials_tell_how_to_connect() -> None:
    secret = given_credentials(store())
    entries = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    assert entries == {
        "type": "chroma",
        "provider": "vectorstore-operator",
        "host": "acme.tenants.svc",
        "port": "8000",
        "url": "http://acme.tenants.svc:8000",
        "read-write": "the read-write key",
        "read-only": "the read-only key",
    }
    assert secret["type"] == "servicebinding.io/chroma"


def live_set(resolved: Resolved) -> Object:
    """The StatefulSet with what the API server adds to claim templates."""
    made = rendered(resolved)["StatefulSet", "acme"]
    (claim,) = made["spec"]["volumeClaimTemplates"]
    claim["spec"]["volumeMode"] = "Filesystem"
    claim["status"] = {"phase": "Pending"}
    return made


def test_a_live_claim_template_stays_as_it_is() -> None:
    small, large = store(storage={"size": "7Gi"}), store("standard", quota={"documents": 5}, claimed=7 << 30)
    again = rendered(large, with_credentials(large, live_set(small)))["StatefulSet", "acme"]
    assert (
        again["spec"]["volumeClaimTemplates"] == rendered(small)["StatefulSet", "acme"]["spec"]["volumeClaimTemplates"]
    )


def test_what_the_server_adds_to_a_claim_template_is_no_change() -> None:
    resolved = store()
    children = with_credentials(resolved, live_set(resolved))
    assert rendered(resolved, children) == rendered(resolved)


def test_a_strangers_claim_template_is_not_kept() -> None:
    stranger = {"kind": "StatefulSet", "metadata": {"name": "acme"}, "spec": {}}
    assert rendered(store(), with_credentials(store(), stranger)) == rendered(store())


def test_start_up_has_time_to_replay_all_a_plan_allows() -> None:
    def seconds(plan: str) -> int:
        probe = template(store(plan))["spec"]["containers"][0]["startupProbe"]
        return int(probe["failureThreshold"] * probe["periodSeconds"])

    assert seconds("performance") > 3_000_000 * 0.0006 * 2
    assert 120 < seconds("starter") < seconds("standard") < seconds("performance")


@pytest.mark.parametrize(
    ("clients", "peers"),
    [
        (None, [{"podSelector": {}}]),
        ([], []),
        ([{}], [{"podSelector": {}}]),
        ([{"namespaceSelector": {}}], [{"namespaceSelector": {}}]),
        ([{"podSelector": {"matchLabels": {"a": "b"}}}], [{"podSelector": {"matchLabels": {"a": "b"}}}]),
        ([{"ipBlock": {"cidr": "10.0.0.0/8"}}], [{"ipBlock": {"cidr": "10.0.0.0/8"}}]),
    ],
)
def test_clients_come_from_where_the_plan_says(clients: Any, peers: list[Object]) -> None:
    network = {} if clients is None else {"network": {"clients": clients}}
    policy = rendered(store(sized("p", {"documents": 5} | network)))["NetworkPolicy", "acme"]
    tenants, operator = policy["spec"]["ingress"]
    own = {"podSelector": {"matchLabels": {"vectorstore.dev/store": "acme"}}}
    assert tenants == {"from": [*peers, own], "ports": [{"port": 8000, "protocol": "TCP"}]}
    assert operator["ports"] == [{"port": 9090, "protocol": "TCP"}]
    system = {"kubernetes.io/metadata.name": "vectorstore-system"}
    assert [peer["namespaceSelector"]["matchLabels"] for peer in operator["from"]] == [system, system]
    assert operator["from"][1]["podSelector"]["matchLabels"] == names.JOB_LABELS


def test_an_autoscaler_scales_the_store() -> None:
    assert ("HorizontalPodAutoscaler", "acme") not in rendered(store())
    spec = rendered(store("standard"))["HorizontalPodAutoscaler", "acme"]["spec"]
    target = {"apiVersion": "vectorstore.dev/v1alpha1", "kind": "VectorStore", "name": "acme"}
    assert (spec["scaleTargetRef"], spec["minReplicas"], spec["maxReplicas"]) == (target, 1, 3)


def test_a_hibernated_store_keeps_all_but_its_pods_and_what_scales_them() -> None:
    awake, asleep = store("standard", replicas=3), store("standard", replicas=3, hibernated=True)
    assert differing(awake, asleep) == {"StatefulSet", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
    assert rendered(asleep)["StatefulSet", "acme"]["spec"]["replicas"] == 0
    assert template(asleep) == template(awake)


CLAIM = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data-acme-0", "namespace": "tenants", "uid": "c"}}


@pytest.mark.parametrize(("policy", "owned"), [("Retain", False), ("Delete", True), (None, False)])
def test_claims_that_follow_the_policy_are_left_alone(policy: str | None, owned: bool) -> None:
    resolved = store(**{"deletionPolicy": policy} if policy else {})
    owners = {"ownerReferences": [{"uid": UID}]} if owned else {}
    claim = {**CLAIM, "metadata": CLAIM["metadata"] | owners}  # type: ignore[operator]
    assert claims.owner_patch(resolved, claim) is None


def test_an_earlier_store_s_volume_does_not_go_with_one_whose_data_is_elsewhere() -> None:
    far = sized("far", {"documents": 1000, "remoteEngines": ["*"]})
    before = store(far, deletionPolicy="Delete", engine={"remote": {"url": "https://chroma.example"}})
    assert claims.owner_patch(before, CLAIM) is None


def test_claims_get_an_owner_that_is_no_controller() -> None:
    patch = claims.owner_patch(store(deletionPolicy="Delete"), CLAIM)
    assert patch is not None
    (owner,) = patch["metadata"]["ownerReferences"]
    assert (owner["uid"], owner.get("controller")) == (UID, None)
    assert patch["metadata"]["uid"] == "c"


def test_claims_lose_their_owner_again() -> None:
    owned = {**CLAIM, "metadata": CLAIM["metadata"] | {"ownerReferences": [{"uid": UID}]}}  # type: ignore[operator]
    patch = claims.owner_patch(store(), owned)
    assert patch is not None
    assert "ownerReferences" not in patch["metadata"]
