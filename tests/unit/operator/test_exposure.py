"""How clients reach a store: what follows from TLS in its pods and from its plan's exposure."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.support.desired import PLATFORM, given_credentials, store, with_credentials

from vectorstore_operator.address import address
from vectorstore_operator.objects import Object, key
from vectorstore_operator.plan import Refusal, Resolved
from vectorstore_operator.render import binding, certificate, desired, pod

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


def test_the_address_in_the_credentials_follows_and_no_key_is_touched() -> None:
    made = given_credentials(store())
    assert binding.moved(store(), made) is None
    patch = binding.moved(store(**TLS), made)
    assert patch is not None
    assert decoded(patch["data"]) == {
        "host": "acme.tenants.svc",
        "port": "8000",
        "url": "https://acme.tenants.svc:8000",
    }
    assert binding.moved(store(**TLS), {"data": made["data"] | patch["data"]}) is None


def live_set(resolved: Resolved, ready: int) -> dict[tuple[str, str], Object]:
    made = rendered(resolved)["StatefulSet", "acme"]
    return {("StatefulSet", "acme"): made | {"status": {"readyReplicas": ready}}}


def test_a_certificate_is_looked_for_until_all_pods_answer_with_it() -> None:
    resolved = store(**TLS)
    assert certificate.settled(resolved, live_set(resolved, 1))
    assert not certificate.settled(resolved, live_set(resolved, 0))
    assert not certificate.settled(resolved, live_set(store(), 1))
    assert not certificate.settled(store(tls={"secretName": "another"}), live_set(resolved, 1))
    assert not certificate.settled(resolved, {})


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        (None, "has no Secret 'acme-cert'"),
        ({}, "has no tls.crt and no tls.key"),
        ({"data": {"tls.crt": "eA==", "tls.key": ""}}, "has no tls.key"),
        ({"data": {"tls.crt": "eA==", "tls.key": "eA=="}}, None),
    ],
)
def test_a_missing_certificate_is_told_with_what_to_do(secret: Object | None, says: str | None) -> None:
    refusal = certificate.missing("acme-cert", secret)
    if says is None:
        assert refusal is None
        return
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "CertificateMissing"
    assert says in refusal.message
    assert "kubectl create secret tls acme-cert" in refusal.message
