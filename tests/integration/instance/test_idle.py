"""The engine sleeps when nobody needs it, is replaced when it hangs, and wakes with everything it had."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vectorstore_instance.engine import DATABASE, local, supervisor
from vectorstore_instance.engine.local import LocalEngine
from vectorstore_instance.settings import Limits, Settings

QUERY = b'{"query_embeddings":[[1,2,3]]}'


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    """An engine on a folder of its own."""
    started = LocalEngine(Settings(data_dir=tmp_path), Limits)
    await started.start()
    yield started
    await started.stop()


async def rows_of(engine: LocalEngine, name: str) -> str:
    """Makes a collection with one row and returns the path of its rows."""
    made = await engine.request("POST", f"{DATABASE}/collections", json.dumps({"name": name}).encode())
    rows = f"{DATABASE}/collections/{json.loads(made.unwrap())['id']}"
    body = b'{"ids":["a"],"embeddings":[[1,2,3]],"documents":["kept"]}'
    (await engine.request("POST", f"{rows}/upsert", body)).unwrap()
    return rows


async def test_an_idle_engine_is_stopped_in_order_and_woken_by_the_next_request(
    engine: LocalEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await rows_of(engine, "sleeper")
    first = engine.pid
    assert first
    monkeypatch.setattr(local, "IDLE_SECONDS", 0.2)
    async with asyncio.timeout(20):
        while not (tmp_path / "clean").exists():  # noqa: ASYNC110 - a file that appears is no event
            await asyncio.sleep(0.05)
    assert engine.pid is None
    assert engine.ready

    asked = await engine.request("POST", f"{rows}/query", QUERY)

    assert json.loads(asked.unwrap())["documents"] == [["kept"]]
    assert engine.pid not in (None, first)
    assert not (tmp_path / "clean").exists()


async def test_a_hung_engine_is_replaced_and_answers_what_it_held_up(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await rows_of(engine, "stuck")
    hung = engine.pid
    assert hung
    monkeypatch.setattr(supervisor, "SILENCE", 0.5)
    os.kill(hung, signal.SIGSTOP)
    asked = await engine.request("POST", f"{rows}/query", QUERY)
    assert json.loads(asked.unwrap())["ids"] == [["a"]]
    assert engine.pid not in (None, hung)


async def test_requests_that_come_while_the_engine_falls_asleep_lose_nothing(engine: LocalEngine) -> None:
    rows = await rows_of(engine, "dozing")
    for n in range(30):
        body = json.dumps({"ids": [f"r{n}"], "embeddings": [[n, -1, 2]]}).encode()
        (await engine.request("POST", f"{rows}/upsert", body)).unwrap()
        sleeping = asyncio.create_task(engine.rest())
        await asyncio.sleep(n / 1000)
        query = json.dumps({"query_embeddings": [[n, -1, 2]]}).encode()
        asked = await engine.request("POST", f"{rows}/query", query)
        assert json.loads(asked.unwrap())["ids"][0][0] == f"r{n}"
        await sleeping
    assert json.loads((await engine.request("GET", f"{rows}/count")).unwrap()) == 31


async def test_usage_is_known_while_the_engine_sleeps(engine: LocalEngine) -> None:
    usage = await engine.usage()
    assert (usage.documents, usage.collections) == (0, 0)
    assert usage.bytes > 0
    assert engine.pid is None
