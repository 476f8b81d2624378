"""What is asked of the API server about volumes, and how often."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.errors import Forbidden, Transient
from vectorstore_operator.plan.volume import StorageClass
from vectorstore_operator.volumes.storage import Storage

DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}
FAST = {"metadata": {"name": "fast", "annotations": DEFAULT}, "provisioner": "block", "allowVolumeExpansion": True}
SLOW = {"metadata": {"name": "slow"}, "provisioner": "disk"}
CLASSES = (StorageClass("fast", "block", expands=True, default=True), StorageClass("slow", "disk", expands=False))


class Server:
    """Answers, or fails as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked: list[str] = []

    async def list(self, kind: Any, *_: Any) -> tuple[list[Any], str]:
        self.asked.append(kind.name)
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        return [FAST, SLOW], "1"

    async def get(self, kind: Any, namespace: Any, name: str) -> Any:
        self.asked.append(name)
        if self.failures:
            raise self.failures.pop(0)
        return {"spec": {"nfs": {}}} if name == "share" else None


def storage(server: Server) -> Storage:
    return Storage(cast(Cluster, server))


async def test_all_who_ask_at_once_get_what_one_listing_finds() -> None:
    server = Server()
    asked = storage(server)
    assert await asyncio.gather(*(asked.classes() for _ in range(3))) == [CLASSES] * 3
    assert server.asked == ["StorageClass"]


async def test_a_listing_that_failed_is_made_again() -> None:
    asked = storage(Server(Transient("down")))
    with pytest.raises(Transient):
        await asked.classes()
    assert await asked.classes() == CLASSES


async def test_without_the_right_to_see_classes_they_are_not_known() -> None:
    assert await storage(Server(Forbidden("no"))).classes() is None


@pytest.mark.parametrize(
    ("claim", "driver", "asked"),
    [
        (None, None, []),
        ({"spec": {}}, None, []),
        ({"spec": {"volumeName": "share"}}, "nfs", ["share"]),
        ({"spec": {"volumeName": "gone"}}, None, ["gone", "gone"]),
        (
            {
                "metadata": {"annotations": {"volume.kubernetes.io/storage-provisioner": "block"}},
                "spec": {"volumeName": "share"},
            },
            None,
            [],
        ),
    ],
)
async def test_a_volume_is_asked_for_once_and_only_where_its_claim_does_not_say(
    claim: Any, driver: str | None, asked: list[str]
) -> None:
    server = Server()
    known = storage(server)
    assert [await known.driver(claim), await known.driver(claim)] == [driver, driver]
    assert server.asked == asked
