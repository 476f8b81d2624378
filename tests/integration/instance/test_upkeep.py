"""Maintenance from within: what begins by itself, what finds no room, and every moment of an exchange of indices."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import namedtuple
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from vectorstore_instance.engine import DATABASE, cgroup, changes, positions
from vectorstore_instance.engine.checkpoint import Checkpoints
from vectorstore_instance.engine.disk import Disk
from vectorstore_instance.engine.local import LocalEngine
from vectorstore_instance.engine.maintenance import Operation, Unfit, automatic, index, space
from vectorstore_instance.engine.maintenance.operation import NoRoom
from vectorstore_instance.settings import Limits, Settings

ROWS, KEPT = 300, 60
IDS = [str(n) for n in range(ROWS)]
Row = dict[str, Any]


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(Settings(data_dir=data), Limits)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def post(engine: LocalEngine, path: str, body: Row) -> Any:
    return json.loads((await engine.request("POST", path, json.dumps(body).encode())).unwrap())


async def fill(data: Path) -> str:
    """A collection of many deleted and overwritten rows; returns its path."""
    async with running(data) as engine:
        made = await post(
            engine,
            f"{DATABASE}/collections",
            {"name": "worn", "configuration": {"hnsw": {"space": "l2", "sync_threshold": 100}}},
        )
        rows = f"{DATABASE}/collections/{made['id']}"
        for version in (0, 1):
            vectors = [[float(n), float(version)] for n in range(ROWS)]
            await post(engine, f"{rows}/upsert", {"ids": IDS, "embeddings": vectors})
        await post(engine, f"{rows}/delete", {"ids": IDS[KEPT:]})
        return rows


async def verify(engine: LocalEngine, rows: str) -> None:
    """All rows that were kept are found, each by its vector, and no other."""
    vectors = [[float(n), 1.0] for n in range(KEPT)]
    found = await post(engine, f"{rows}/query", {"query_embeddings": vectors, "n_results": 1, "include": ["distances"]})
    assert found["ids"] == [[id_] for id_ in IDS[:KEPT]]
    assert all(distance == [0.0] for distance in found["distances"])
    assert len((await post(engine, f"{rows}/get", {"include": []}))["ids"]) == KEPT


async def until(true: Callable[[], bool]) -> None:
    """Returns once it is true; for what tells nobody."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def ended(operation: Operation) -> Operation:
    await until(lambda: operation.ended is not None)
    return operation


async def test_an_exchange_cut_off_anywhere_leaves_the_old_index_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    rows = await fill(data)
    moments: list[Path] = []

    def before(owner: Any, name: str) -> None:
        """Keeps a copy of the files as they are when something is about to be done."""
        real: Callable[..., Any] = getattr(owner, name)

        def copied(*args: Any, **kwargs: Any) -> Any:
            moments.append(Path(shutil.copytree(data, tmp_path / f"moment-{len(moments)}")))
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, copied)

    async with running(data) as engine:
        exchange = index._exchange

        def watched(*args: Any) -> None:
            with monkeypatch.context():
                for owner, name in (
                    (Disk, "unseal"),
                    (Path, "rename"),
                    (positions, "put"),
                    (Checkpoints, "drop"),
                    (Disk, "seal"),
                ):
                    before(owner, name)
                exchange(*args)
            monkeypatch.undo()

        monkeypatch.setattr(index, "_exchange", watched)
        operation = await ended(await engine.maintenance.begin("rebuild", "worn"))
        assert (operation.phase, operation.error) == ("done", None)
        await verify(engine, rows)
    assert len(moments) == 6
    for moment in moments:
        async with running(moment) as engine:
            await verify(engine, rows)
            assert not (moment / "scratch").exists()


async def test_a_quiet_store_is_tidied_in_its_sleep_without_being_woken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await fill(tmp_path)
    for name, value in {
        "LOOK_SECONDS": 0.02,
        "QUIET_SECONDS": 0.05,
        "COMPACT_LEAST": 100,
        "REBUILD_LEAST": 100,
    }.items():
        monkeypatch.setattr(automatic, name, value)
    async with running(tmp_path) as engine:

        def done() -> list[str]:
            return [one.name for one in engine.maintenance.operations if one.phase == "done"]

        await until(lambda: done() == ["rebuild", "compact"])
        assert all(one.automatic for one in engine.maintenance.operations)
        assert engine.state().starts == 0
        await verify(engine, rows)


async def test_nothing_begins_by_itself_while_there_are_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tmp_path)
    looks = 0

    def busy(_: LocalEngine) -> float:
        nonlocal looks
        looks += 1
        return 0.0

    monkeypatch.setattr(LocalEngine, "quiet_seconds", busy)
    monkeypatch.setattr(automatic, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(automatic, "COMPACT_LEAST", 100)
    async with running(tmp_path) as engine:
        await until(lambda: looks > 5)
        assert engine.maintenance.operations == []


async def test_without_room_nothing_begins_and_the_numbers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await fill(tmp_path)
    usage = namedtuple("usage", "total used free")
    async with running(tmp_path) as engine:
        begin = engine.maintenance.begin
        with monkeypatch.context() as patch:
            patch.setattr(space.shutil, "disk_usage", lambda _: usage(1 << 30, 1 << 30, 4096))
            with pytest.raises(NoRoom, match=r"database anew needs \d+ free bytes on the volume, and there are 4096"):
                await begin("vacuum")
            with pytest.raises(NoRoom, match="index anew needs"):
                await begin("rebuild", "worn")
        with monkeypatch.context() as patch:
            patch.setattr(cgroup, "memory", lambda: cgroup.Memory(used=900, limit=1000))
            with pytest.raises(NoRoom, match=r"needs \d+ bytes of memory, and 100 of 1000 are free"):
                await begin("rebuild", "worn")
        assert engine.maintenance.operations == []
        await verify(engine, rows)


@pytest.mark.parametrize("phase", ["taking operations in", "putting the new index in place"])
async def test_an_instance_that_ends_meanwhile_breaks_it_off_or_does_it_to_its_end(tmp_path: Path, phase: str) -> None:
    rows = await fill(tmp_path)
    async with running(tmp_path) as engine:
        operation = await engine.maintenance.begin("rebuild", "worn")
        await until(lambda: operation.phase == phase or operation.ended is not None)
    assert operation.ended is not None
    assert not (tmp_path / "scratch").exists()
    async with running(tmp_path) as engine:
        await verify(engine, rows)
        assert engine.state().repairs == 0


async def test_a_queue_that_lacks_rows_is_no_source_for_an_index(tmp_path: Path) -> None:
    rows = await fill(tmp_path)
    async with running(tmp_path) as engine:
        with changes.writing(tmp_path / "chroma.sqlite3") as db:
            db.execute("delete from embeddings_queue where id = '7'")
        operation = await ended(await engine.maintenance.begin("rebuild", "worn"))
        assert operation.phase == "failed"
        assert "59 of 60 rows" in (operation.error or "")
        await verify(engine, rows)


async def test_a_collection_is_named_clearly(tmp_path: Path) -> None:
    rows = await fill(tmp_path)
    async with running(tmp_path) as engine:
        with pytest.raises(Unfit, match="none with the id or name 'nowhere'"):
            await engine.maintenance.begin("rebuild", "nowhere")
        done = await ended(await engine.maintenance.begin("rebuild", rows.rpartition("/")[2]))
        assert done.phase == "done"
