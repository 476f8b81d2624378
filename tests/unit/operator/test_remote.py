"""Stores whose data an engine elsewhere keeps."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.desired import PLATFORM, sized, store, with_credentials

from vectorstore_instance.settings import load
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.objects import Object, key
from vectorstore_operator.observe.storage_health import volumes_told
from vectorstore_operator.plan import Identity, Plan, Resolved, resolve
from vectorstore_operator.quantity import GI
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import desired, pod

URL = "https://chroma.example:8000/team"
LARGE = {
    "documents": 50_000_000,
    "replicas": {"min": 1, "max": 5},
    "remoteEngines": ["https://chroma.example:8000"],
}


def plan(**spec: Any) -> Plan:
    return sized("far", LARGE | spec)


def before(**remote: Any) -> dict[str, Any]:
    return {"engine": {"remote": {"url": URL} | remote}}


def rendered(resolved: Resolved) -> dict[str, Object]:
    found = {key(obj): obj for phase in desired(resolved, PLATFORM, with_credentials(resolved)) for obj in phase}
    return {kind: obj for (kind, name), obj in found.items() if name == "acme"}


def why(given: Plan, **spec: Any) -> str:
    found = resolve(Identity("acme"), StoreSpec.model_validate(spec), given)
    assert isinstance(found, Refusal), found
    return f"{found.reason}: {found.message}"


def test_pods_before_an_engine_elsewhere_have_no_volume_and_no_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = store(plan(), **before(secretName="chroma", entries=["token", "headers"], tenant="t", database="d"))
    spec = rendered(resolved)["StatefulSet"]["spec"]
    assert "volumeClaimTemplates" not in spec
    (container,) = spec["template"]["spec"]["containers"]
    assert "POD_INDEX" not in [variable["name"] for variable in container["env"]]
    for variable in container["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    settings = load()
    assert settings == pod.settings(resolved)
    assert (settings.engine_url, settings.engine_tenant, settings.engine_database) == (URL, "t", "d")
    assert (settings.leader_url, settings.follows) == (None, False)

    volumes = {volume["name"]: volume for volume in spec["template"]["spec"]["volumes"]}
    assert volumes["data"] == {"name": "data", "emptyDir": {"sizeLimit": "1Gi"}}
    entries = [{"key": "token", "path": "token"}, {"key": "headers", "path": "headers"}]
    assert volumes["engine"]["secret"] == {"secretName": "chroma", "defaultMode": 0o440, "items": entries}
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert {str(settings.engine_token_file), str(settings.engine_headers_file)} == {
        f"{mounted['engine']}/{entry}" for entry in ("token", "headers")
    }


def test_they_are_scaled_as_others_are_and_sized_as_doors() -> None:
    resolved = store(plan(), replicas=3, **before())
    found = rendered(resolved)
    assert found["HorizontalPodAutoscaler"]["spec"]["maxReplicas"] == 5
    assert found["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1
    container = found["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
    assert resolved.plan.memory > 50 * GI
    assert container["resources"]["limits"]["memory"] == "704Mi"
    assert container["startupProbe"]["failureThreshold"] == 120
    assert resolved.documents == 50_000_000


def test_the_network_policy_lets_them_reach_it() -> None:
    *_, rule = rendered(store(plan(), **before()))["NetworkPolicy"]["spec"]["egress"]
    assert rule["ports"] == [{"port": 8000, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (plan(remoteEngines=None), URL),
        (plan(remoteEngines=["https://chroma.example"]), "https://chroma.example.evil.example"),
        (plan(remoteEngines=["https://chroma.example:8000/team"]), "https://chroma.example:8000/teams"),
        (plan(remoteEngines=["https://chroma.example:8000"]), "http://chroma.example:8000"),
    ],
)
def test_only_engines_that_the_plan_lists_may_be_had(given: Plan, url: str) -> None:
    found = why(given, engine={"remote": {"url": url}})
    assert found.startswith(f"EngineNotAllowed: spec.engine.remote.url: {url} is not among the remoteEngines of plan")


def test_users_with_databases_of_their_own_need_all_of_a_tenant() -> None:
    jwt = {"issuer": "https://id.example", "audience": "a", "databaseClaim": "sub"}
    given = plan(issuers=["https://id.example"])
    assert why(given, jwt=jwt, **before(database="d")).startswith("DatabaseFixed: spec.jwt.databaseClaim")
    assert isinstance(resolve(Identity("acme"), StoreSpec.model_validate({"jwt": jwt} | before()), given), Resolved)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (before() | {"storage": {"size": "10Gi"}}, "storage does not go with engine.remote"),
        (before() | {"quota": {"bytes": "10Gi"}}, "quota.bytes does not go with engine.remote"),
        (before(entries=["token"]), "entries go with secretName"),
        (before(url="https://user:pass@chroma.example"), "should match pattern"),
        (before(tenant="../other"), "should match pattern"),
    ],
)
def test_what_does_not_go_with_it_is_said(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        StoreSpec.model_validate(spec)


def test_a_store_without_a_volume_says_who_keeps_the_data() -> None:
    found = volumes_told([], store(plan(), **before()))
    assert (found.status, found.reason, found.message) == ("True", "NoVolume", f"the engine at {URL} keeps the data")
