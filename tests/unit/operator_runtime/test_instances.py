"""What is asked of instances, against a small HTTP server in their place."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from vectorstore_operator import names
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.instances.usage import Instances, leader_address, newsworthy
from vectorstore_operator.observe import Usage

ACME = Key("tenants", "acme")


def usage(documents: int, limit: int = 1000, **more: int) -> Usage:
    return Usage(documents=documents, limit=limit, **more)


@pytest.mark.parametrize(
    ("before", "now", "news"),
    [
        (None, usage(0), True),
        (usage(100), usage(100), False),
        (usage(200), usage(201), False),
        (usage(200), usage(202), True),
        (usage(202), usage(199), True),
        (usage(0, limit=100_000), usage(1, limit=100_000), True),
        (usage(999), usage(1000), True),
        (usage(1000), usage(999), True),
        (usage(100), usage(100, limit=2000), True),
        (usage(1, bytes=1000), usage(1, bytes=1009), False),
        (usage(1, bytes=1000), usage(1, bytes=1010), True),
        (usage(1, bytes=1000), usage(1, bytes=990), True),
        (usage(1), usage(1, last_request=1_700_000_000), True),
        (usage(1, last_request=1_700_000_000), usage(1, last_request=1_700_000_599), False),
        (usage(1, last_request=1_700_000_000), usage(1, last_request=1_700_000_600), True),
        (usage(1, last_request=1_700_000_000), usage(1), False),
    ],
)
def test_news_are_the_first_one_percent_more_or_fewer_the_limit_the_bytes_and_a_much_later_request(
    before: Usage | None, now: Usage, news: bool
) -> None:
    assert newsworthy(before, now) is news


def cached(ready: str = "True", documents: str = "") -> Cache:
    cache = Cache()
    meta = {"namespace": "tenants", "resourceVersion": "1"}
    cache.put(
        {
            "kind": "VectorStore",
            "metadata": {**meta, "name": "acme", "uid": "u1"},
            "status": {"documents": documents, "bytes": 9, "lastRequest": "2025-11-21T18:00:00Z"},
        }
    )
    conditions = [{"type": "Ready", "status": ready}]
    cache.put(
        {
            "kind": "Pod",
            "metadata": {**meta, "name": "acme-0", "labels": names.labels("acme")},
            "status": {"podIP": "127.0.0.1", "conditions": conditions},
        }
    )
    return cache


def test_only_a_ready_leader_is_asked() -> None:
    assert leader_address(ACME, cached()) == "127.0.0.1"
    assert leader_address(ACME, cached("False")) is None
    assert leader_address(Key("tenants", "other"), cached()) is None


class Instance:
    """Answers as an instance's management port does."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | None = {
            "documents": 5,
            "bytes": 9,
            "collections": 1,
            "limit": 1000,
            "lastRequest": 1763748000.5,
        }
        self.asked: list[str] = []
        self.broken = False

    async def usage(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers["Authorization"])
        if self.broken:
            return web.Response(text="not JSON")
        return web.json_response(self.answer) if self.answer is not None else web.Response(status=503)


@pytest.fixture
async def instance(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Instance]:
    served = Instance()
    app = web.Application()
    app.add_routes([web.get("/admin/usage", served.usage)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(names, "MANAGEMENT_PORT", runner.addresses[0][1])
    yield served
    await runner.cleanup()


async def test_a_store_is_asked_with_its_own_token_once_per_interval_and_news_are_published(
    instance: Instance,
) -> None:
    changed: list[Key] = []
    asking = Instances(cached(), lambda store: f"token-of-{store['metadata']['uid']}", changed.append, every=3600)
    async with aiohttp.ClientSession() as session:
        await asking.round(session)
        await asking.round(session)
    assert instance.asked == ["Bearer token-of-u1"]
    assert changed == [ACME]
    assert asking.usage(ACME) == Usage(documents=5, limit=1000, bytes=9, collections=1, last_request=1763748000)
    assert asking.known[ACME] == asking.usage(ACME)


async def test_an_instance_of_an_earlier_release_tells_no_last_request(instance: Instance) -> None:
    assert instance.answer
    del instance.answer["lastRequest"]
    asking = Instances(cached(), lambda store: "t", lambda key: None)
    async with aiohttp.ClientSession() as session:
        await asking.round(session)
    assert asking.known[ACME].last_request is None


async def test_an_instance_that_fails_keeps_its_last_usage(instance: Instance) -> None:
    changed: list[Key] = []
    asking = Instances(cached(), lambda store: "t", changed.append, every=0)
    async with aiohttp.ClientSession() as session:
        await asking.round(session)
        instance.answer = None
        await asking.round(session)
        instance.answer = {"unexpected": True}
        await asking.round(session)
    assert len(instance.asked) == 3
    assert changed == [ACME]
    assert asking.usage(ACME)


@pytest.mark.parametrize(("documents", "news"), [("5/1000", False), ("5/2000", True), ("900/1000", True), ("", True)])
async def test_what_the_status_says_already_is_no_news_after_a_restart(
    instance: Instance, documents: str, news: bool
) -> None:
    changed: list[Key] = []
    asking = Instances(cached(documents=documents), lambda store: "t", changed.append)
    async with aiohttp.ClientSession() as session:
        await asking.round(session)
    assert bool(changed) is news
    assert (asking.usage(ACME) is not None) is news


async def test_a_store_that_is_made_anew_under_a_name_has_nothing_of_the_former(instance: Instance) -> None:
    cache = cached()
    asking = Instances(cache, lambda store: "t", lambda key: None, every=3600)
    async with aiohttp.ClientSession() as session:
        await asking.round(session)
        assert asking.usage(ACME)
        meta = {"namespace": "tenants", "name": "acme", "uid": "u2", "resourceVersion": "2"}
        cache.put({"kind": "VectorStore", "metadata": meta})
        assert (asking.usage(ACME), asking.known) == (None, {})
        await asking.round(session)
    assert len(instance.asked) == 2, "asked at once, though the former was asked a moment ago"
    assert asking.known.keys() == {ACME}


async def test_no_token_is_in_the_log_whatever_an_instance_answers(
    instance: Instance, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "vectorstore_operator")
    instances = Instances(cached(), lambda _: "the token", lambda _: None, every=0)
    async with aiohttp.ClientSession() as session:
        instance.broken = True
        await instances.round(session)
        instance.broken, instance.answer = False, None  # a 503
        await instances.round(session)
    assert len(caplog.records) == 2
    assert "the token" not in caplog.text
