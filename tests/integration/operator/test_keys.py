"""Keys of a live store: exchanged, revoked, taken from a tenant's own Secret; against a real API server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.operator.conftest import Start
from tests.support.operators import Object, Tenant, accepted, condition, refused, wait_until

from vectorstore_operator.cluster.errors import Invalid
from vectorstore_operator.keys import keybook
from vectorstore_operator.render.keys import digest

pytestmark = pytest.mark.apiserver


def texts(obj: Object) -> dict[str, str]:
    return {entry: base64.b64decode(content).decode() for entry, content in (obj.get("data") or {}).items()}


def encoded(**entries: str) -> dict[str, str]:
    return {name.replace("_", "-"): base64.b64encode(text.encode()).decode() for name, text in entries.items()}


async def settled(tenant: Tenant, **spec: Any) -> dict[str, str]:
    """A store that is accepted; its credentials."""
    await tenant.store("acme", **spec)
    await tenant.until("VectorStore", "acme", accepted)
    return texts(await tenant.have("Secret", "acme-credentials"))


async def digests(tenant: Tenant, role: str, *keys: str) -> None:
    """Waits until the pods' Secret has exactly these keys."""
    expected = sorted(map(digest, keys))
    await tenant.until("Secret", "acme-keys", lambda obj: sorted(texts(obj)[role].split()) == expected)


def generation(obj: Object) -> int:
    return int(texts(obj)["generation"])


async def test_a_request_rotates_once_whatever_happens_to_the_operator(tenant: Tenant, start: Start, plan: str) -> None:
    operator = start()
    first = await settled(tenant, plan=plan, keys={"rotate": "1"})
    wait_until(operator.settled)
    assert texts(await tenant.have("Secret", "acme-credentials")) == first
    numbered = generation(await tenant.have("Secret", "acme-keys"))
    pods = (await tenant.have("StatefulSet", "acme"))["spec"]["template"]

    await tenant.change("VectorStore", "acme", keys={"rotate": "2"})
    await tenant.until("Secret", "acme-credentials", lambda obj: "read-write-next" in obj["data"])
    operator.process.kill()
    operator.process.wait()
    second = start()
    store = await tenant.until("VectorStore", "acme", lambda obj: obj["status"].get("keys", {}).get("rotate") == "2")
    new = texts(await tenant.have("Secret", "acme-credentials"))
    (former,) = (text for entry, text in new.items() if entry.startswith("read-write-until-"))
    assert former == first["read-write"] != new["read-write"]
    assert store["status"]["keys"]["formerValidUntil"]
    assert not any(key in json.dumps(store["status"]) for key in (new["read-write"], former))
    await digests(tenant, "read-write", new["read-write"], former)
    assert generation(await tenant.have("Secret", "acme-keys")) > numbered
    await tenant.told("CredentialsRotated")
    assert (await tenant.have("StatefulSet", "acme"))["spec"]["template"] == pods, "no pod rolls"

    wait_until(second.settled)
    before = await tenant.versions()
    assert second.stop() == 0
    third = start()
    wait_until(third.settled)
    assert third.writes() == []
    assert await tenant.versions() == before


async def test_a_former_key_goes_when_its_time_is_over(tenant: Tenant, start: Start, plan: str) -> None:
    operator = start()
    now = await settled(tenant, plan=plan)
    wait_until(operator.settled)
    credentials = await tenant.have("Secret", "acme-credentials")
    soon = keybook.entry_until("read-write", datetime.now(UTC) + timedelta(seconds=2))
    later = keybook.entry_until("read-write", datetime(2999, 1, 1, tzinfo=UTC))
    await tenant.cluster.patch(credentials, {"data": encoded(**{soon: "gone", later: "still there"})})
    await tenant.until("Secret", "acme-credentials", lambda obj: later in obj["data"] and soon not in obj["data"])
    await digests(tenant, "read-write", now["read-write"], "still there")


async def test_a_revocation_leaves_no_other_key(tenant: Tenant, start: Start, plan: str) -> None:
    start()
    first = await settled(tenant, plan=plan)
    await tenant.change("VectorStore", "acme", keys={"rotate": "1"})
    await tenant.until("VectorStore", "acme", lambda obj: obj["status"].get("keys", {}).get("rotate") == "1")
    await tenant.change("VectorStore", "acme", keys={"revoke": "leaked"})
    await tenant.until("VectorStore", "acme", lambda obj: obj["status"].get("keys", {}).get("revoke") == "leaked")
    last = texts(await tenant.have("Secret", "acme-credentials"))
    assert {"read-write", "read-only"} == {entry for entry in last if entry.startswith("read")}
    assert first["read-write"] != last["read-write"]
    await digests(tenant, "read-write", last["read-write"])
    await digests(tenant, "read-only", last["read-only"])
    await tenant.told("CredentialsRevoked")


async def test_keys_come_from_a_secret_of_the_tenants_own(tenant: Tenant, start: Start, plan: str) -> None:
    start()
    await tenant.store("acme", plan=plan, keys={"secretName": "mine"})
    store = await tenant.until("VectorStore", "acme", refused("KeysSecretNotFound"))
    assert "'mine'" in condition(store, "Accepted")["message"]
    assert await tenant.get("Secret", "acme-credentials") is None
    head = {"name": "mine", "namespace": tenant.namespace}
    short = {"apiVersion": "v1", "kind": "Secret", "metadata": head, "data": encoded(read_write="short")}
    mine = await tenant.cluster.create(short)
    await poke(tenant)
    store = await tenant.until("VectorStore", "acme", refused("KeysSecretInvalid"))
    assert "5 characters" in condition(store, "Accepted")["message"]
    one, two = "a" * 16, "b" * 16
    mine = await tenant.cluster.patch(mine, {"data": encoded(read_write=f"{one}\n{two}\n")})
    await poke(tenant)
    await tenant.until("VectorStore", "acme", accepted)
    await digests(tenant, "read-write", one, two)
    shown = texts(await tenant.have("Secret", "acme-credentials"))
    assert (shown["read-write"], shown.get("read-only")) == (one, None)
    mine = await tenant.cluster.patch(mine, {"data": encoded(read_write=two)})
    await poke(tenant)
    await digests(tenant, "read-write", two)
    await tenant.until("Secret", "acme-credentials", lambda obj: texts(obj)["read-write"] == two)
    assert (await tenant.have("Secret", "mine"))["metadata"]["resourceVersion"] == mine["metadata"]["resourceVersion"]


async def poke(tenant: Tenant) -> None:
    """Has the store looked at, which happens by itself after a while."""
    await tenant.change("VectorStore", "acme", quota={"documents": 1 + next(POKES)})


POKES = iter(range(100))


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"secretName": "mine", "rotate": "1"}, "secretName does not go together"),
        ({"rotateEvery": 1, "overlapHours": 25}, "overlapHours is longer"),
        ({"rotate": "x" * 65}, "rotate"),
        ({"overlapHours": -1}, "overlapHours"),
    ],
)
async def test_a_wrong_spec_is_refused(tenant: Tenant, plan: str, keys: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid, match=named):
        await tenant.store("acme", plan=plan, keys=keys)


@pytest.mark.parametrize("stripped", [{"labels": None}, {"ownerReferences": None}])
async def test_credentials_that_lost_labels_or_owner_get_them_back(
    tenant: Tenant, start: Start, plan: str, stripped: dict[str, Any]
) -> None:
    start()
    keys = await settled(tenant, plan=plan)
    whole = await tenant.have("Secret", "acme-credentials")
    part = next(iter(stripped))
    await tenant.cluster.patch(whole, {"metadata": stripped})
    again = await tenant.until(
        "Secret", "acme-credentials", lambda obj: obj["metadata"].get(part) == whole["metadata"][part]
    )
    assert texts(again) == keys


async def test_a_store_that_is_refused_gets_no_keys(tenant: Tenant, start: Start, plan: str) -> None:
    head = {"name": "acme", "namespace": tenant.namespace}
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": head, "spec": {"ports": [{"port": 80}]}}
    await tenant.cluster.create(theirs)
    operator = start()
    await tenant.store("acme", plan=plan)
    await tenant.until("VectorStore", "acme", refused("NameConflict"))
    wait_until(operator.settled)
    assert await tenant.get("Secret", "acme-credentials") is None


async def test_keys_of_a_store_that_is_refused_are_exchanged_and_of_a_paused_one_are_not(
    tenant: Tenant, start: Start, plan: str
) -> None:
    start()
    first = await settled(tenant, plan=plan)
    pods = (await tenant.have("StatefulSet", "acme"))["metadata"]["generation"]
    await tenant.change("VectorStore", "acme", plan="gone", keys={"revoke": "leaked"})
    store = await tenant.until("VectorStore", "acme", lambda obj: obj["status"].get("keys", {}).get("revoke"))
    assert refused("PlanNotFound")(store)
    last = texts(await tenant.have("Secret", "acme-credentials"))
    assert first["read-write"] != last["read-write"]
    await digests(tenant, "read-write", last["read-write"])
    await tenant.told("CredentialsRevoked")
    assert (await tenant.have("StatefulSet", "acme"))["metadata"]["generation"] == pods, "and nothing else of it"

    await tenant.change("VectorStore", "acme", paused=True, keys={"revoke": "again"})
    store = await tenant.until("VectorStore", "acme", reason("Progressing", "Paused"))
    assert "spec.keys.revoke: again waits" in condition(store, "Progressing")["message"]
    assert texts(await tenant.have("Secret", "acme-credentials")) == last
    await tenant.change("VectorStore", "acme", paused=None)
    await tenant.until("VectorStore", "acme", lambda obj: obj["status"]["keys"]["revoke"] == "again")


def reason(kind: str, word: str) -> Callable[[Object], bool]:
    return lambda obj: condition(obj, kind).get("reason") == word
