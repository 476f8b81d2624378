"""The children's watch over a server that forgets and fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.errors import Gone, Transient
from vectorstore_operator.cluster.kinds import KINDS
from vectorstore_operator.cluster.watch import Informer

ACME = Key("tenants", "acme")


def service(name: str, version: int) -> dict[str, Any]:
    labels = {"vectorstore.dev/store": "acme"}
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": "tenants", "resourceVersion": str(version), "labels": labels},
    }


class Script:
    """Answers lists and watches as told; the last watch stays open."""

    def __init__(self, lists: list[Any], watches: list[Any]) -> None:
        self.lists, self.watches = lists, watches
        self.since: list[str] = []
        self.ended = asyncio.Event()

    async def pages(
        self, kind: object, namespace: str | None, selector: str
    ) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        items, version = answer
        for item in items:
            yield [item], version
        yield [], version

    async def watch(
        self, kind: object, namespace: str | None, selector: str, since: str
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        self.since.append(since)
        for event in self.watches.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event
        if not self.watches:
            self.ended.set()
            await asyncio.Event().wait()


async def run(script: Script) -> tuple[Cache, list[Key]]:
    cache, changed = Cache(), list[Key]()
    informer = Informer(script, KINDS["Service"], None, cache, changed.append)  # type: ignore[arg-type]
    task = asyncio.create_task(informer.run())
    async with asyncio.timeout(10):
        await script.ended.wait()
    task.cancel()
    return cache, changed


def names(cache: Cache) -> set[str]:
    return {name for _, name in cache.children(ACME)}


async def test_what_vanished_while_the_watch_was_cut_off_is_missed_after_the_next_listing() -> None:
    script = Script(
        lists=[([service("a", 1), service("b", 2)], "2"), ([service("a", 1)], "9")],
        watches=[[Gone("too old")], []],
    )
    cache, changed = await run(script)
    assert names(cache) == {"a"}
    assert changed[-1] == ACME
    assert script.since == ["2", "9"]


async def test_a_broken_watch_goes_on_where_it_was() -> None:
    script = Script(
        lists=[([], "2")],
        watches=[
            [
                ("ADDED", service("a", 3)),
                ("BOOKMARK", {"kind": "Service", "metadata": {"resourceVersion": "7"}}),
                Transient("cut"),
            ],
            [("DELETED", service("a", 8))],
        ],
    )
    cache, _ = await run(script)
    assert script.since == ["2", "7"]
    assert names(cache) == set()


async def test_a_list_that_fails_is_tried_again() -> None:
    script = Script(lists=[Transient("down"), ([service("a", 1)], "1")], watches=[[]])
    cache, _ = await run(script)
    assert names(cache) == {"a"}
