"""How clients reach a store: what follows from TLS in its pods and from its plan's exposure."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.desired import PLATFORM, given_credentials, sized, store, with_credentials

from vectorstore_operator import diff, observe
from vectorstore_operator.api.exposure import Exposure
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.objects import Object, key
from vectorstore_operator.observe.exposed import exposure_told
from vectorstore_operator.plan import Identity, Plan, Resolved, exposure, resolve, size_plan
from vectorstore_operator.plan.address import address
from vectorstore_operator.reconcile.hosts import Hosts
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import binding, desired, pod

TLS: dict[str, Any] = {"tls": {"secretName": "acme-cert"}}


def rendered(resolved: Resolved) -> dict[tuple[str, str], Object]:
    return {key(obj): obj for phase in desired(resolved, PLATFORM, with_credentials(resolved)) for obj in phase}


def decoded(data: Object) -> dict[str, str]:
    return {entry: base64.b64decode(text).decode() for entry, text in data.items()}


def test_pods_mount_the_certificate_as_a_folder_and_probes_stay_plain() -> None:
    spec = rendered(store("standard", **TLS))["StatefulSet", "acme"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert {"name": "tls", "secret": {"secretName": "acme-cert", "defaultMode": 0o440}} in spec["volumes"]
    assert {"name": "tls", "mountPath": "/etc/vectorstore/tls", "readOnly": True} in container["volumeMounts"]
    environment = {v["name"]: v.get("value") for v in container["env"]}
    assert environment["TLS_DIR"] == "/etc/vectorstore/tls"
    assert environment["LEADER_URL"] == "https://acme-0.acme-headless.tenants.svc:8000"
    assert all(container[p]["httpGet"]["scheme"] == "HTTP" for p in ("startupProbe", "readinessProbe", "livenessProbe"))


def test_a_store_without_tls_says_nothing_of_it() -> None:
    assert pod.settings(store()).tls_dir is None
    assert "appProtocol" not in str(rendered(store())["Service", "acme"])


def test_the_address_follows_tls() -> None:
    assert address(store()).url == "http://acme.tenants.svc:8000"
    assert address(store(**TLS)).url == "https://acme.tenants.svc:8000"


def test_a_paused_store_is_where_it_was() -> None:
    live: Object = {"metadata": {"name": "acme", "namespace": "tenants", "uid": "u"}, "spec": {"paused": True}}
    now = datetime.now(UTC)
    first = observe.status(live | {"spec": {}}, store(), {}, None, now)
    assert first["url"] == "http://acme.tenants.svc:8000"
    assert observe.status(live | {"status": first}, store(paused=True, **TLS), {}, None, now)["url"] == first["url"]
    awake = live | {"spec": {}, "status": first}
    assert observe.status(awake, store(**TLS), {}, None, now)["url"] == "https://acme.tenants.svc:8000"


def test_the_address_in_the_credentials_follows_and_no_key_is_touched() -> None:
    made = given_credentials(store())
    assert binding.moved(store(), made) is None
    patch = binding.moved(store(**TLS), made)
    assert patch is not None
    assert decoded(patch["data"]) == {
        "host": "acme.tenants.svc",
        "port": "8000",
        "url": "https://acme.tenants.svc:8000",
        "type": "chroma",
        "provider": "vectorstore-operator",
    }
    assert binding.moved(store(**TLS), {"data": made["data"] | patch["data"]}) is None


CLIENTS: dict[str, Any] = {"network": {"clients": [{"namespaceSelector": {"matchLabels": {"team": "front"}}}]}}


def exposing(**stated: Any) -> Plan:
    return sized("front", {"documents": 100, "exposure": {"domain": "stores.example.org"} | stated} | CLIENTS)


def refusal(plan: Plan, name: str = "acme", **spec: Any) -> Refusal:
    found = resolve(Identity(name, "tenants", "uid", 1), StoreSpec.model_validate(spec), plan)
    assert isinstance(found, Refusal), found
    return found


INGRESS: dict[str, Any] = {"ingress": {"className": "nginx", "annotations": {"a.example/body": "32m"}}}
GATEWAY: dict[str, Any] = {"gateway": {"name": "front", "namespace": "gateways", "sectionName": "https"}}


def test_an_ingress_leads_to_the_client_service() -> None:
    found = rendered(store(exposing(**INGRESS)))
    made = found["Ingress", "acme"]
    assert made["spec"] == {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": "acme-tenants.stores.example.org",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "acme", "port": {"number": 8000}}},
                        }
                    ]
                },
            }
        ],
    }
    assert made["metadata"]["annotations"]["a.example/body"] == "32m"
    assert "vectorstore.dev/hash" in made["metadata"]["annotations"]
    assert ("HTTPRoute", "acme") not in found


@pytest.mark.parametrize(
    ("tls", "secret", "annotation"),
    [
        ({}, {}, None),
        ({"secretName": "wildcard"}, {"secretName": "wildcard"}, None),
        ({"issuer": {"name": "ours"}}, {"secretName": "acme-tls"}, ("cert-manager.io/cluster-issuer", "ours")),
        (
            {"issuer": {"name": "ours", "kind": "Issuer"}},
            {"secretName": "acme-tls"},
            ("cert-manager.io/issuer", "ours"),
        ),
    ],
)
def test_an_ingress_shows_the_certificate_of_the_plan(tls: Object, secret: Object, annotation: Any) -> None:
    resolved = store(exposing(**INGRESS, tls=tls))
    made = rendered(resolved)["Ingress", "acme"]
    assert made["spec"]["tls"] == [{"hosts": ["acme-tenants.stores.example.org"]} | secret]
    annotations = made["metadata"]["annotations"]
    assert [(k, v) for k, v in annotations.items() if "cert-manager" in k] == ([annotation] if annotation else [])
    assert address(resolved).url == "https://acme-tenants.stores.example.org"


def test_a_route_attaches_to_the_gateway_of_the_plan() -> None:
    resolved = store(exposing(**GATEWAY), hostname="shop.stores.example.org")
    found = rendered(resolved)
    spec = found["HTTPRoute", "acme"]["spec"]
    (parent,) = spec["parentRefs"]
    assert (parent["name"], parent["namespace"], parent["sectionName"]) == ("front", "gateways", "https")
    assert spec["hostnames"] == ["shop.stores.example.org"]
    assert spec["rules"][0]["backendRefs"][0] | {"name": "acme", "port": 8000} == spec["rules"][0]["backendRefs"][0]
    assert ("Ingress", "acme") not in found
    assert address(resolved).url == "https://shop.stores.example.org"


@pytest.mark.parametrize(
    ("stated", "url"),
    [
        (INGRESS, "http://acme-tenants.stores.example.org"),
        (INGRESS | {"port": 30080}, "http://acme-tenants.stores.example.org:30080"),
        (INGRESS | {"tls": {}, "port": 443}, "https://acme-tenants.stores.example.org"),
        ({"gateway": GATEWAY["gateway"] | {"scheme": "http"}}, "http://acme-tenants.stores.example.org"),
    ],
)
def test_the_address_follows_the_exposure(stated: Object, url: str) -> None:
    assert address(store(exposing(**stated))).url == url


def test_a_store_that_is_not_exposed_any_more_loses_its_ingress() -> None:
    exposed, hidden = store(exposing(**INGRESS)), store(sized("front", {"documents": 100}))
    live = dict(with_credentials(hidden)) | {("Ingress", "acme"): rendered(exposed)["Ingress", "acme"]}
    assert [key(gone) for gone in diff.to_prune(desired(hidden, PLATFORM, live), live)] == [("Ingress", "acme")]


def test_pods_do_not_change_with_the_exposure() -> None:
    exposed, hidden = store(exposing(**INGRESS)), store(sized("front", {"documents": 100}))
    assert rendered(exposed)["StatefulSet", "acme"] == rendered(hidden)["StatefulSet", "acme"]


@pytest.mark.parametrize(
    ("plan", "name", "spec", "reason", "says"),
    [
        (sized("p", {"documents": 1}), "acme", {"hostname": "a.b.c"}, "HostnameNotInPlan", "plan p exposes no stores"),
        (exposing(**INGRESS), "acme", {"hostname": "a.example.org"}, "HostnameNotInPlan", "NAME.stores.example.org"),
        (exposing(**INGRESS), "acme", {"hostname": "a.b.stores.example.org"}, "HostnameNotInPlan", "one label before"),
        (exposing(**INGRESS), "acme", {"hostname": "stores.example.org"}, "HostnameNotInPlan", "one label before"),
        (exposing(**INGRESS), "acme", TLS, "BackendProtocolDiffers", "speaks plain HTTP to pods; remove tls"),
        (
            exposing(**INGRESS, backendProtocol="HTTPS"),
            "acme",
            {},
            "BackendProtocolDiffers",
            "speaks HTTPS to pods; give the store a certificate",
        ),
    ],
)
def test_what_cannot_be_exposed_is_refused(plan: Plan, name: str, spec: Any, reason: str, says: str) -> None:
    found = refusal(plan, name, **spec)
    assert found.reason == reason
    assert says in found.message


def test_the_secret_that_an_issuer_writes_is_not_that_of_the_pods() -> None:
    issued = exposing(**INGRESS, tls={"issuer": {"name": "letsencrypt"}}, backendProtocol="HTTPS")
    found = refusal(issued, tls={"secretName": "acme-tls"})
    assert found.reason == "CertificateNameTaken"
    assert "spec.tls.secretName: acme-tls is where the issuer letsencrypt of plan front puts" in found.message
    assert isinstance(store(issued, tls={"secretName": "acme-pods-tls"}), Resolved)
    by_hand = exposing(**INGRESS, tls={"secretName": "wildcard"}, backendProtocol="HTTPS")
    assert isinstance(store(by_hand, tls={"secretName": "acme-tls"}), Resolved)


def test_a_name_too_long_for_dns_is_refused_and_another_taken() -> None:
    identity = Identity("a" * 40, "n" * 40, "uid", 1)
    found = resolve(identity, StoreSpec(), exposing(**INGRESS))
    assert isinstance(found, Refusal)
    assert (found.reason, "has 81 characters, of at most 63" in found.message) == ("HostnameTooLong", True)
    assert isinstance(resolve(identity, StoreSpec(hostname="a.stores.example.org"), exposing(**INGRESS)), Resolved)


@pytest.mark.parametrize(
    ("network", "says"),
    [({}, "exposure without network.clients"), ({"clients": []}, "exposure with network.clients: []")],
)
def test_a_plan_whose_stores_nobody_outside_could_reach_is_refused(network: Object, says: str) -> None:
    stated = {"exposure": {"domain": "example.org"} | INGRESS, "network": network}
    found = size_plan("p", PlanSpec.model_validate({"documents": 1} | stated))
    assert isinstance(found, Refusal)
    assert says in found.message
    assert "name the namespace of the Ingress controller or Gateway in network.clients" in found.message


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({}, "by ingress or by gateway"),
        (INGRESS | GATEWAY, "by ingress or by gateway"),
        (GATEWAY | {"tls": {}}, "listener holds its certificate itself"),
        (INGRESS | {"tls": {"secretName": "a", "issuer": {"name": "b"}}}, "state one of them"),
    ],
)
def test_half_an_exposure_and_two_are_refused(stated: Object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Exposure.model_validate({"domain": "example.org"} | stated)


@pytest.mark.parametrize(("stated", "kind"), [(GATEWAY, "HTTPRoute"), (INGRESS, "Ingress")])
def test_a_cluster_without_the_kind_is_told(stated: Object, kind: str) -> None:
    plan = exposing(**stated)
    assert exposure.kind_refused("front", plan.spec, set()) is None
    found = exposure.kind_refused("front", plan.spec, {kind})
    assert found is not None
    assert (found.reason, kind in found.message) == ("KindMissing", True)
    assert exposure.kind_refused("p", sized("p", {"documents": 1}).spec, {kind}) is None


def known(cache: Cache, namespace: str, name: str, made: str, url: str | None = None) -> Key:
    meta = {"name": name, "namespace": namespace, "uid": name, "creationTimestamp": made, "resourceVersion": made[-1]}
    cache.put({"kind": "VectorStore", "metadata": meta, "status": {"url": url} if url else {}})
    return Key(namespace, name)


def test_who_has_a_name_keeps_it() -> None:
    cache = Cache()
    later = known(cache, "c", "a-b", "2026-01-02", "https://a-b-c.example.org")
    earlier = known(cache, "b-c", "a", "2026-01-01")
    hosts = Hosts(cache)
    assert not hosts.claim(earlier, "a-b-c.example.org"), "it is older, and did not have the name"
    assert hosts.claim(later, "a-b-c.example.org")
    assert hosts.claim(earlier, "other.example.org")
    assert not hosts.claim(later, "other.example.org")
    assert not hosts.claim(earlier, "a-b-c.example.org"), "what could not be had leaves what one has"


def test_of_two_looked_at_together_one_gets_the_name() -> None:
    cache = Cache()
    one, other = known(cache, "c", "a-b", "2026-01-01"), known(cache, "b-c", "a", "2026-01-01")
    hosts = Hosts(cache)
    assert [hosts.claim(key, "a-b-c.example.org") for key in (one, other, one)] == [True, False, True]


@pytest.mark.parametrize("how", ["deleted", "renamed", "hidden"])
def test_a_name_that_is_given_up_is_free(how: str) -> None:
    cache = Cache()
    one, other = known(cache, "c", "a-b", "2026-01-01"), known(cache, "b-c", "a", "2026-01-01")
    hosts = Hosts(cache)
    assert hosts.claim(one, "a-b-c.example.org")
    if how == "deleted":
        cache.drop(cache.stores()[one])
    else:
        hosts.claim(one, "new.example.org" if how == "renamed" else None)
    assert hosts.claim(other, "a-b-c.example.org")


@pytest.mark.parametrize(
    ("stated", "status", "told"),
    [
        (INGRESS, None, ("Unknown", "NoAnswer", "IngressClass nginx")),
        (INGRESS, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}, ("True", "Routed", "acme-tenants")),
        (GATEWAY, None, ("Unknown", "NoAnswer", "Gateway gateways/front has not answered")),
        (
            GATEWAY,
            {"parents": [{"conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted"}]}]},
            ("True", "Routed", "https://acme-tenants"),
        ),
        (
            GATEWAY,
            {"parents": [{"conditions": [{"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners"}]}]},
            ("False", "NotAllowedByListeners", "allow HTTPRoutes of namespace tenants"),
        ),
    ],
)
def test_the_store_tells_what_stands_before_it_says(stated: Object, status: Any, told: Any) -> None:
    resolved = store(exposing(**stated))
    kind = "Ingress" if "ingress" in stated else "HTTPRoute"
    live = {(kind, "acme"): {"status": status}} if status else {}
    found = exposure_told(resolved, live)
    assert found is not None
    assert (found.status, found.reason) == told[:2]
    assert told[2] in found.message


def test_a_store_without_exposure_tells_nothing_of_it() -> None:
    assert exposure_told(store(), {}) is None
