"""The comparison of stores and plans with a listing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vectorstore_operator.cluster import resync
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.errors import NotFound
from vectorstore_operator.cluster.kinds import PLAN, STORE, Kind
from vectorstore_operator.cluster.resync import Resync


class Listing:
    """What there is; fails as often as told first."""

    def __init__(self, *names: str, failures: int = 0) -> None:
        self.names, self.failures = set(names), failures
        self.listed: asyncio.Queue[str] = asyncio.Queue()

    async def pages(
        self, kind: Kind, namespace: str | None, selector: str
    ) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        if self.failures:
            self.failures -= 1
            raise NotFound("no such kind")
        self.listed.put_nowait(kind.name)
        if kind == PLAN:
            yield [], "9"
            return
        meta = {"namespace": "tenants", "resourceVersion": "1"}
        yield [{"kind": STORE.name, "metadata": {"name": name, **meta}} for name in self.names], "9"


async def seen(listing: Listing, kind: Kind) -> None:
    async with asyncio.timeout(10):
        while await listing.listed.get() != kind.name:
            pass


async def test_a_deletion_that_nobody_told_of_is_found_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync, "SETTLE", 0)
    listing, cache, changed = Listing("acme", "bravo"), Cache(), list[Key]()
    net = Resync(listing, [None], cache, changed.append, every=3600)  # type: ignore[arg-type]
    task = asyncio.create_task(net.run())
    async with asyncio.timeout(10):
        await net.listed.wait()
    assert {key.name for key in cache.stores()} == {"acme", "bravo"}

    listing.names.discard("acme")
    changed.clear()
    net.soon()
    await seen(listing, STORE)
    await seen(listing, STORE)
    await asyncio.sleep(0)
    assert {key.name for key in cache.stores()} == {"bravo"}
    assert changed == [Key("tenants", "acme")]
    task.cancel()


async def test_a_watch_that_keeps_silent_about_what_a_listing_had_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync.time, "monotonic", lambda: clock)
    clock = 1000.0
    listing = Listing("acme")
    net = Resync(listing, [None], Cache(), lambda key: None, every=3600)  # type: ignore[arg-type]
    assert net.silent == 0
    await net.compare()
    clock += 100
    await net.compare()  # another listing does not begin the time anew
    assert net.silent == 100
    net.saw({"kind": STORE.name, "metadata": {"namespace": "tenants", "name": "acme", "resourceVersion": "1"}})
    assert net.silent == 0
    await net.compare()
    assert net.silent == 0


async def test_who_waits_for_kopf_goes_on_when_it_has_told_of_all_there_was() -> None:
    net = Resync(Listing("acme"), [None], Cache(), lambda key: None, every=3600)  # type: ignore[arg-type]
    task, heard = asyncio.create_task(net.run()), asyncio.create_task(net.heard())
    async with asyncio.timeout(10):
        await net.listed.wait()
        assert not heard.done()
        net.saw({"kind": STORE.name, "metadata": {"namespace": "tenants", "name": "acme", "resourceVersion": "1"}})
        await heard
    task.cancel()


async def test_who_waits_for_kopf_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync, "HEARING", 0)
    net = Resync(Listing("acme"), [None], Cache(), lambda key: None, every=3600)  # type: ignore[arg-type]
    await net.heard()


async def test_silence_about_what_is_gone_meanwhile_is_none() -> None:
    listing = Listing("acme")
    net = Resync(listing, ["tenants"], Cache(), lambda key: None, every=3600)  # type: ignore[arg-type]
    await net.compare()
    listing.names.clear()
    await net.compare()
    assert net.silent == 0


async def test_it_waits_for_the_kinds_to_be_there() -> None:
    listing, cache = Listing("acme", failures=2), Cache()
    net = Resync(listing, [None], cache, lambda key: None, every=3600)  # type: ignore[arg-type]
    task = asyncio.create_task(net.run())
    async with asyncio.timeout(10):
        await net.listed.wait()
    assert cache.store(Key("tenants", "acme"))
    task.cancel()


async def test_afresh_lists_until_it_succeeds_and_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync, "pause", lambda error, failures, most: 0)
    listing, cache = Listing("acme", failures=2), Cache()
    await Resync(listing, [None], cache, lambda key: None, every=3600).afresh()  # type: ignore[arg-type]
    assert {key.name for key in cache.stores()} == {"acme"}
