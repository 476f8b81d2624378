"""Who may use a plan, whose tokens its stores take, and whom their pods reach."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.desired import PLATFORM, sized, store, with_credentials

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.api.urls import allowed, hidden
from vectorstore_operator.objects import key
from vectorstore_operator.plan import Identity, Plan, Resolved, resolve
from vectorstore_operator.plan.egress import unreachable
from vectorstore_operator.plan.permits import namespace_refused
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import desired, pod
from vectorstore_operator.render.egress import PUBLIC

JWT = {"issuer": "https://login.example.com/pool", "audience": "me"}
OPENAI = {"model": "ada", "url": "https://api.openai.com/v1", "dimension": 384, "secretName": "openai"}


def plan(**spec: Any) -> Plan:
    return sized("p", {"documents": 1000} | spec)


def rendered(resolved: Resolved) -> dict[tuple[str, str], Any]:
    return {key(o): o for phase in desired(resolved, PLATFORM, with_credentials(resolved)) for o in phase}


def egress(resolved: Resolved) -> list[Any]:
    """What the pods reach beside DNS and each other."""
    return list(rendered(resolved)["NetworkPolicy", "acme"]["spec"]["egress"][2:])


@pytest.mark.parametrize(
    ("url", "prefixes", "holds"),
    [
        ("https://a.example/x", ["https://a.example"], True),
        ("https://a.example/x", ["https://a.example/"], True),
        ("https://a.example/x", ["https://a.example/x"], True),
        ("https://a.example.evil.com/x", ["https://a.example"], False),
        ("https://a.example/xy", ["https://a.example/x"], False),
        ("https://a.example/x/../y", ["https://a.example/x"], False),
        ("https://a.example/x/%2e%2E/y", ["https://a.example/x"], False),
        ("http://a.example/x", ["https://a.example"], False),
        ("https://b.example", ["https://a.example", "*"], True),
        ("https://a.example", [], False),
        ("https://a.example", None, False),
    ],
)
def test_a_prefix_covers_itself_and_what_is_below_it(url: str, prefixes: list[str] | None, holds: bool) -> None:
    assert allowed(url, prefixes) is holds


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        ("https://api.openai.com/v1", False),
        ("http://tei:8080/v1", True),
        ("http://tei.models.svc:8080/v1", True),
        ("http://tei.models.svc.cluster.local/v1", True),
        ("http://10.1.2.3/v1", True),
        ("http://[fd00::1]/v1", True),
        ("http://8.8.8.8/v1", False),
        ("http://169.254.169.254/latest", True),
        ("http://169.254.43518/latest", True),
        ("http://127.1:9000", True),
        ("http://0x7f.0.0.1", True),
        ("http://127.0.0.0x1", True),
    ],
)
def test_what_is_evidently_not_public(url: str, holds: bool) -> None:
    assert hidden(url) is holds


def test_tokens_and_origins_reach_the_instance() -> None:
    jwt = JWT | {"databaseClaim": "sub", "scopeClaim": "scp", "readScope": "r", "writeScope": "w"}
    origins = ["https://app.example.com", "http://localhost:3000"]
    resolved = store(plan(issuers=["https://login.example.com"]), jwt=jwt, corsOrigins=origins)
    environment = pod.settings(resolved).environ()
    assert {name: value for name, value in environment.items() if name.startswith(("JWT", "CORS"))} == {
        "JWT_ISSUER": "https://login.example.com/pool",
        "JWT_AUDIENCE": "me",
        "JWT_SCOPE_CLAIM": "scp",
        "JWT_READ_SCOPE": "r",
        "JWT_WRITE_SCOPE": "w",
        "JWT_DATABASE_CLAIM": "sub",
        "CORS_ORIGINS": "https://app.example.com,http://localhost:3000",
    }


def test_document_urls_and_the_format_of_logs_reach_the_instance() -> None:
    which = plan(documentUrls=["https://files.example.com/", "presigned"], logFormat="json")
    environment = pod.settings(store(which)).environ()
    assert environment["DOCUMENT_URLS"] == "https://files.example.com/,presigned"
    assert environment["LOG_FORMAT"] == "json"
    assert "DOCUMENT_URLS" not in pod.settings(store(which, model="none", dimension=3)).environ()


@pytest.mark.parametrize(
    ("issuers", "jwt", "field"),
    [
        (None, JWT, "issuer: https://login.example.com/pool is not among the issuers of plan p, which are none"),
        (["https://other.example"], JWT, "issuer: https://login.example.com/pool is not among"),
        (
            ["https://login.example.com"],
            JWT | {"jwksUrl": "http://169.254.169.254/keys"},
            "jwksUrl: http://169.254.169.254/keys is not among",
        ),
    ],
)
def test_a_store_takes_tokens_of_nobody_its_plan_does_not_list(issuers: Any, jwt: Any, field: str) -> None:
    which = plan(**({"issuers": issuers} if issuers else {}))
    found = resolve(Identity("acme"), StoreSpec.model_validate({"jwt": jwt}), which)
    assert isinstance(found, Refusal)
    assert found.reason == "IssuerNotAllowed"
    assert found.message.startswith(f"spec.jwt.{field}")


@pytest.mark.parametrize(
    ("to", "namespace", "labels", "whose"),
    [
        (None, "a", {}, None),
        ({"names": ["a", "b"]}, "a", {}, None),
        ({"names": ["a", "b"]}, "c", {}, "namespaces a, b"),
        ({"names": []}, "c", {}, "no namespace"),
        ({"matchLabels": {"tier": "gold"}}, "a", {"tier": "gold", "x": "y"}, None),
        ({"matchLabels": {"tier": "gold"}}, "a", {"tier": "silver"}, "namespaces labelled tier=gold"),
        ({"matchLabels": {}}, "a", {}, None),
    ],
)
def test_a_plan_is_for_the_namespaces_it_says(to: Any, namespace: str, labels: Any, whose: str | None) -> None:
    spec = PlanSpec.model_validate({"documents": 5} | ({"allowedNamespaces": to} if to else {}))
    found = namespace_refused("p", spec, namespace, labels)
    if whose is None:
        assert found is None
    else:
        assert found is not None
        assert found.reason == "PlanNotAllowed"
        assert f"plan p is for {whose}, and the store is in {namespace}" in found.message


@pytest.mark.parametrize("to", [{}, {"names": ["a"], "matchLabels": {}}])
def test_a_plan_goes_by_names_or_labels(to: Any) -> None:
    with pytest.raises(ValueError, match="either names or matchLabels"):
        PlanSpec.model_validate({"documents": 5, "allowedNamespaces": to})


def test_pods_reach_nobody_where_nothing_is_used() -> None:
    offers = plan(issuers=["*"], embeddings=[OPENAI])
    assert egress(store(offers)) == []


def test_pods_reach_public_addresses_on_the_ports_of_what_they_use() -> None:
    which = plan(
        issuers=["*"],
        documentUrls=["http://files.example.com:8080/", "presigned"],
        embeddings=[OPENAI | {"url": "https://embed.example.com:8443/v1"}],
    )
    resolved = store(which, model="ada", jwt=JWT | {"jwksUrl": "http://keys.example.com/k"})
    ports = [{"port": number, "protocol": "TCP"} for number in (80, 443, 8080, 8443)]
    assert egress(resolved) == [{"to": PUBLIC, "ports": ports}]
    for block in ("10.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12"):
        assert block in PUBLIC[0]["ipBlock"]["except"]


def test_pods_reach_what_the_plan_says_instead() -> None:
    rules = [
        {"to": [{"namespaceSelector": {"matchLabels": {"name": "models"}}}], "ports": [8080]},
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]},
    ]
    which = plan(issuers=["*"], network={"egress": rules})
    assert egress(store(which, jwt=JWT)) == [
        {
            "to": [{"namespaceSelector": {"matchLabels": {"name": "models"}}}],
            "ports": [{"port": 8080, "protocol": "TCP"}],
        },
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]},
    ]
    assert egress(store(plan(issuers=["*"], network={"egress": []}), jwt=JWT)) == []


def test_a_range_leaves_out_parts_of_itself_alone() -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}
    with pytest.raises(ValueError, match=r"11\.0\.0\.0/8 is not a part of 10\.0\.0\.0/8"):
        PlanSpec.model_validate({"documents": 5, "network": {"egress": [rule]}})


def test_an_endpoint_in_the_cluster_needs_egress() -> None:
    inside = OPENAI | {"url": "http://tei.models.svc:8080/v1"}
    found = unreachable(store(plan(embeddings=[inside]), model="ada"))
    assert found is not None
    assert found.reason == "EgressMissing"
    assert "http://tei.models.svc:8080/v1 is none; state whom they reach, with its port 8080" in found.message
    stated = plan(embeddings=[inside], network={"egress": [{"to": [{"namespaceSelector": {}}], "ports": [8080]}]})
    assert unreachable(store(stated, model="ada")) is None
    assert unreachable(store(plan(embeddings=[inside]))) is None
