"""Keys of a live store of two pods: exchanged without a moment when none works, and revoked within seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.pods import Client
from tests.e2e.stores import Store


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return Store(cluster, "acme", plan="e2e-scaling", replicas=2)


def statuses(store: Store, client: Client, key: str) -> set[int]:
    """What leader and follower answer to a key."""
    addresses = [store.pod(ordinal)["status"]["podIP"] for ordinal in (0, 1)]
    return {client.request("GET", f"http://{address}:8000/stats", key)[0] for address in addresses}


def took(what: str, reached: Callable[[], bool]) -> None:
    """Waits until it is so, and prints how long that took."""
    began = time.monotonic()

    def look() -> None:
        assert reached(), what

    eventually(look, every=0.1)
    print(f"{what}: {time.monotonic() - began:.1f} s")


def containers(store: Store) -> list[tuple[str, int]]:
    statuses = [store.pod(ordinal)["status"]["containerStatuses"][0] for ordinal in (0, 1)]
    return [(status["containerID"], status["restartCount"]) for status in statuses]


def spec(**more: object) -> dict[str, object]:
    return {"plan": "e2e-scaling", "replicas": 2, **more}


def test_a_rotation_leaves_both_keys_valid_until_the_overlap_ends(
    cluster: Cluster, store: Store, client: Client
) -> None:
    old, before = store.key(), containers(store)
    store.apply(**spec(keys={"rotate": "1"}))
    took("rotated", lambda: store.key() != old)
    new = store.key()
    assert statuses(store, client, new) == {200}, "the key that is shown works"
    assert statuses(store, client, old) == {200}, "within the overlap"

    entries = cluster.get("secret", "acme-credentials")["data"]
    (former,) = (entry for entry in entries if entry.startswith("read-write-until-"))
    soon = datetime.now(UTC) + timedelta(seconds=3)
    moved = {former: None, f"read-write-until-{soon:%Y%m%dT%H%M%SZ}": entries[former]}
    cluster.kubectl("patch", "secret", "acme-credentials", "--type=merge", "-p", json.dumps({"data": moved}))
    took("the overlap of 3 s ended", lambda: statuses(store, client, old) == {401})
    assert statuses(store, client, new) == {200}
    assert containers(store) == before


def test_a_revocation_takes_effect_within_seconds(cluster: Cluster, store: Store, client: Client) -> None:
    old, before = store.key(), containers(store)
    store.apply(**spec(keys={"rotate": "1", "revoke": "leaked"}))
    took("revoked", lambda: statuses(store, client, old) == {401})
    new = store.key()
    assert statuses(store, client, new) == {200}
    cluster.wait("vst/acme", "jsonpath={.status.keys.revoke}=leaked")
    assert containers(store) == before
    reasons = {event["reason"] for event in cluster.list("events")}
    assert {"CredentialsRotated", "CredentialsRevoked"} <= reasons


def test_a_quota_takes_effect_within_seconds(store: Store, client: Client) -> None:
    store.apply(**spec(keys={"rotate": "1", "revoke": "leaked"}, quota={"documents": 77}))
    key, address = store.key(), store.pod()["status"]["podIP"]

    def limit() -> int:
        answer: dict[str, int] = client.request("GET", f"http://{address}:8000/stats", key)[1]
        return answer["limit"]

    took("the quota changed", lambda: limit() == 77)
