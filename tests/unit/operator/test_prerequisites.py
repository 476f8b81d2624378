"""What a store depends on and does not own: what is asked for, when, and what is told where it is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from tests.support.desired import PLATFORM, sized, store, with_credentials

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.kinds import Kind
from vectorstore_operator.objects import Children, Object, key
from vectorstore_operator.plan import Plan, Resolved
from vectorstore_operator.plan.secrets import lacking, needed
from vectorstore_operator.reconcile import prerequisites
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render import Platform, desired

ENDPOINT = {"model": "ada", "url": "https://api.openai.com/v1", "dimension": 384, "secretName": "openai"}
REMOTE = {"url": "https://chroma.example", "secretName": "chroma", "entries": ["token", "headers"]}


def plan(**spec: Any) -> Plan:
    return sized("p", {"documents": 1000, "remoteEngines": ["*"], "embeddings": [ENDPOINT]} | spec)


CERTIFICATE = store(plan(), tls={"secretName": "acme-cert"})
ENGINE = store(plan(), engine={"remote": REMOTE})
MODEL = store(plan(), model="ada")
PLACED = store(plan(scheduling={"priorityClassName": "tenants"}))
DEPENDENT = pytest.mark.parametrize("resolved", [CERTIFICATE, ENGINE, MODEL, PLACED])


def running(resolved: Resolved, platform: Platform = PLATFORM, ready: int = 1) -> Children:
    """A store whose pods all run and answer, or not all."""
    found = {key(o): o for phase in desired(resolved, platform, with_credentials(resolved)) for o in phase}
    live = found["StatefulSet", "acme"]
    live["metadata"]["generation"] = 1
    counts = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": ready}
    live["status"] = counts | {"currentRevision": "r", "updateRevision": "r"}
    return {key(live): live}


class Nothing:
    """A cluster in which there is nothing, and what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def get(self, kind: Kind, _: str | None, name: str) -> None:
        self.asked.append((kind.name, name))


async def missing(resolved: Resolved, children: Children | None = None) -> str | None:
    found = await prerequisites.missing(cast(Cluster, Nothing()), resolved, children or {})
    return found.reason if found else None


@DEPENDENT
async def test_what_all_pods_run_with_is_not_looked_for(resolved: Resolved) -> None:
    cluster = Nothing()
    assert await prerequisites.missing(cast(Cluster, cluster), resolved, running(resolved)) is None
    assert cluster.asked == []


@DEPENDENT
async def test_what_pods_are_to_start_with_is_looked_for(resolved: Resolved) -> None:
    reason = "PriorityClassMissing" if resolved is PLACED else resolved is CERTIFICATE and "CertificateMissing"
    expected = reason or "SecretMissing"
    assert await missing(resolved) == expected, "none is there"
    assert await missing(resolved, running(resolved, ready=0)) == expected, "none answers"
    assert await missing(resolved, running(store(plan()))) == expected, "they run without it"


@DEPENDENT
async def test_pods_that_are_to_start_anew_need_it_again(resolved: Resolved) -> None:
    children = running(resolved)
    assert prerequisites.staying(resolved, PLATFORM, children) == children
    other = replace(PLATFORM, image="registry.example/vectorstore-instance:2.0.0")
    assert await missing(resolved, prerequisites.staying(resolved, other, children)) is not None


async def test_another_name_is_looked_for() -> None:
    other = store(plan(), tls={"secretName": "another"})
    assert await missing(other, running(CERTIFICATE)) == "CertificateMissing"


@DEPENDENT
async def test_what_is_missing_keeps_no_store_awake(resolved: Resolved) -> None:
    assert await missing(replace(resolved, replicas=0)) is None


def told(resolved: Resolved, live: Object | None) -> Refusal | None:
    (need,) = needed(resolved)
    return lacking(need, resolved.namespace, live)


@pytest.mark.parametrize(
    ("resolved", "live", "says"),
    [
        (CERTIFICATE, None, "spec.tls.secretName: there is no Secret 'acme-cert' in namespace tenants"),
        (CERTIFICATE, {}, "Secret 'acme-cert' in namespace tenants has no entry tls.crt and none tls.key"),
        (CERTIFICATE, {"data": {"tls.crt": "eA==", "tls.key": ""}}, "has no entry tls.key, or an empty one"),
        (CERTIFICATE, None, "kubectl create secret tls acme-cert -n tenants --cert=tls.crt --key=tls.key; or remove"),
        (ENGINE, None, "spec.engine.remote.secretName: there is no Secret 'chroma' in namespace tenants"),
        (ENGINE, {"data": {"token": "eA=="}}, "has no entry headers, or an empty one, which the engine at https://"),
        (ENGINE, None, "generic chroma -n tenants --from-file=token=FILE --from-file=headers=FILE"),
        (MODEL, None, "secretName of ada in plan p: there is no Secret 'openai' in namespace tenants"),
        (MODEL, {"data": {"other": "eA=="}}, "has no entry api-key, or an empty one, which the model's endpoint wants"),
        (MODEL, None, "kubectl create secret generic openai -n tenants --from-file=api-key=FILE"),
        (store(plan(), model="ada", embedding={"secretName": "mine"}), None, "spec.embedding.secretName: there is no"),
    ],
)
def test_a_missing_secret_is_told_with_what_to_do(resolved: Resolved, live: Object | None, says: str) -> None:
    found = told(resolved, live)
    assert found is not None
    assert says in found.message
    assert found.again < 60, "it is looked at again soon"


def test_a_secret_that_has_all_of_it_will_do() -> None:
    assert told(CERTIFICATE, {"data": {"tls.crt": "eA==", "tls.key": "eA=="}}) is None
    assert told(ENGINE, {"data": {"token": "eA==", "headers": "eA=="}}) is None
    assert told(MODEL, {"data": {"api-key": "eA=="}}) is None
    assert needed(store(plan())) == []


def test_labels_of_a_namespace_are_looked_at_again() -> None:
    labelled = store(plan(allowedNamespaces={"matchLabels": {"tier": "gold"}}))
    assert prerequisites.again(labelled) == prerequisites.LABELS_AGAIN
    sooner = replace(labelled, growth=replace(labelled.growth, wait=5.0))
    assert prerequisites.again(sooner) == 5
    assert prerequisites.again(store(plan(allowedNamespaces={"names": ["tenants"]}))) is None
