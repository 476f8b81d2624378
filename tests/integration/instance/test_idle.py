"""The engine sleeps when nobody needs it, and wakes with everything it had."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from vectorstore_instance.engine import DATABASE, local
from vectorstore_instance.engine.local import LocalEngine
from vectorstore_instance.settings import Limits, Settings


async def test_an_idle_engine_is_stopped_in_order_and_woken_by_the_next_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "IDLE_SECONDS", 0.2)
    engine = LocalEngine(Settings(data_dir=tmp_path), Limits)
    await engine.start()
    try:
        made = await engine.request("POST", f"{DATABASE}/collections", b'{"name":"sleeper"}')
        rows = f"{DATABASE}/collections/{json.loads(made.unwrap())['id']}"
        body = b'{"ids":["a"],"embeddings":[[1,2,3]],"documents":["kept"]}'
        (await engine.request("POST", f"{rows}/upsert", body)).unwrap()
        first = engine.pid
        async with asyncio.timeout(20):
            while engine.pid is not None:  # noqa: ASYNC110 - the end of a sleeping engine is no event of ours
                await asyncio.sleep(0.05)
        assert (tmp_path / "clean").exists()
        assert engine.ready

        asked = await engine.request("POST", f"{rows}/query", b'{"query_embeddings":[[1,2,3]]}')

        assert json.loads(asked.unwrap())["documents"] == [["kept"]]
        assert engine.pid not in (None, first)
        assert not (tmp_path / "clean").exists()
    finally:
        await engine.stop()


async def test_usage_is_known_while_the_engine_sleeps(tmp_path: Path) -> None:
    engine = LocalEngine(Settings(data_dir=tmp_path), Limits)
    await engine.start()
    try:
        usage = await engine.usage()
        assert (usage.documents, usage.collections) == (0, 0)
        assert usage.bytes > 0
        assert engine.pid is None
    finally:
        await engine.stop()
