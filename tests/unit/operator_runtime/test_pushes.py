"""What instances are told of keys and limits, against small HTTP servers in their place."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from vectorstore_operator import names
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.instances.pushes import Pushes, PushFailed, editions

ACME = Key("tenants", "acme")
LEADER, FOLLOWER = "127.0.0.1", "127.0.0.2"
DIGEST = "sha256:" + 64 * "a"
OTHER = "sha256:" + 64 * "b"


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 (no event tells of it)
            await asyncio.sleep(0.01)


class World:
    """A store of two pods, in a cache, and what its instances were told."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.version = 0
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.refuse: dict[str, int] = {}
        self.hang: set[str] = set()
        self.put("VectorStore", "acme", metadata={"uid": "u1"})
        self.keys(1, DIGEST)
        self.limits(1, 100)
        self.pod(0, LEADER)
        self.pod(1, FOLLOWER)

    def put(self, kind: str, name: str, metadata: dict[str, Any] | None = None, **body: Any) -> None:
        self.version += 1
        meta = {"namespace": "tenants", "name": name, "labels": names.labels("acme"), **(metadata or {})}
        self.cache.put({"kind": kind, "metadata": meta | {"resourceVersion": str(self.version)}, **body})

    def keys(self, generation: int | None, *digests: str) -> None:
        files = {"read-write": "\n".join(digests), "read-only": "", "admin": OTHER, "internal": "a secret"}
        files |= {"generation": f"{generation}\n"} if generation else {}
        data = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
        self.put("Secret", "acme-keys", data=data)

    def limits(self, generation: int, documents: int) -> None:
        text = json.dumps({"generation": generation, "max_documents": documents})
        self.put("ConfigMap", "acme-limits", data={"limits.json": text})

    def pod(self, ordinal: int, address: str, container: str = "c1", ready: str = "True") -> None:
        status = {
            "podIP": address,
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"containerID": container}],
        }
        self.put("Pod", f"acme-{ordinal}", {"uid": f"pod-{ordinal}"}, status=status)

    def documents(self, address: str) -> list[int]:
        """The limits that one was told."""
        return [body["limits"]["max_documents"] for told, body in self.told if told == address and "limits" in body]

    async def reload(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer token-of-u1"
        address = request.transport.get_extra_info("sockname")[0]  # type: ignore[union-attr]
        if address in self.hang:
            await asyncio.Event().wait()
        if status := self.refuse.get(address):
            return web.Response(status=status)
        self.told.append((address, await request.json()))
        return web.json_response({})


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    world = World()
    app = web.Application()
    app.add_routes([web.post("/admin/reload", world.reload)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, LEADER, 0).start()
    monkeypatch.setattr(names, "MANAGEMENT_PORT", runner.addresses[0][1])
    await web.TCPSite(runner, FOLLOWER, runner.addresses[0][1]).start()
    yield world
    await runner.cleanup()


@pytest.fixture
async def pushes(world: World) -> AsyncIterator[Pushes]:
    pushes = Pushes(world.cache, lambda store: f"token-of-{store['metadata']['uid']}")
    running = asyncio.create_task(pushes.run())
    yield pushes
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_leader_and_followers_are_told_once_and_again_when_something_changed(
    world: World, pushes: Pushes
) -> None:
    assert not pushes.spread(ACME)
    await pushes.push(ACME)
    await pushes.push(ACME)
    keys = {"generation": 1, "digests": {"read-write": [DIGEST], "read-only": []}}
    limits = {"generation": 1, "max_documents": 100}
    assert sorted(world.told, key=str) == sorted(
        ((address, body) for address in (LEADER, FOLLOWER) for body in ({"keys": keys}, {"limits": limits})), key=str
    )
    assert pushes.spread(ACME)
    world.limits(2, 50)
    assert not pushes.spread(ACME)
    await pushes.push(ACME)
    assert world.documents(LEADER) == world.documents(FOLLOWER) == [100, 50]


async def test_a_process_that_started_again_is_told_again_and_one_that_is_not_ready_later(
    world: World, pushes: Pushes
) -> None:
    world.pod(1, FOLLOWER, ready="False")
    await pushes.push(ACME)
    assert (world.documents(LEADER), world.documents(FOLLOWER)) == ([100], [])
    world.pod(0, LEADER, container="c2")
    world.pod(1, FOLLOWER)
    await pushes.push(ACME)
    assert (world.documents(LEADER), world.documents(FOLLOWER)) == ([100, 100], [100])


@pytest.mark.parametrize("trouble", ["refuses", "hangs", "is unreachable"])
async def test_one_pod_in_trouble_keeps_no_other_from_it_and_is_tried_again(
    world: World, pushes: Pushes, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trouble == "refuses":
        world.refuse[LEADER] = 409
    elif trouble == "hangs":
        world.hang.add(LEADER)
    else:
        world.pod(0, "127.0.0.3")
    with pytest.raises(PushFailed, match="tenants/acme"):
        await pushes.push(ACME)
    assert world.documents(FOLLOWER) == [100]
    assert not pushes.spread(ACME)
    world.refuse, world.hang = {}, set()
    world.pod(0, LEADER)
    pushes.add(ACME)
    await until(lambda: pushes.spread(ACME))
    assert (world.documents(LEADER)[-1], world.documents(FOLLOWER)) == (100, [100])


async def test_a_failure_is_tried_again_by_itself(world: World, pushes: Pushes) -> None:
    world.refuse[LEADER] = 503
    pushes.add(ACME)
    await until(lambda: world.documents(FOLLOWER) != [])
    world.refuse = {}
    await until(lambda: pushes.spread(ACME))


async def test_an_instance_that_knows_of_no_pushes_reads_its_files(world: World, pushes: Pushes) -> None:
    world.refuse = {LEADER: 404, FOLLOWER: 404}
    await pushes.push(ACME)
    assert pushes.spread(ACME)


def test_no_secret_is_pushed_and_keys_without_a_number_are_not(world: World) -> None:
    assert "a secret" not in "".join(editions("acme", world.cache.children(ACME)))
    world.keys(None, DIGEST)
    (limits,) = editions("acme", world.cache.children(ACME))
    assert json.loads(limits)["limits"]["generation"] == 1
    world.keys(3)
    assert len(editions("acme", world.cache.children(ACME))) == 1, "an instance takes no edition without keys"
