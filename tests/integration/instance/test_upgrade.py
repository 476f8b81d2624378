"""What an instance does before its image is exchanged, and with data that a later one has written."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.integration.instance.test_upkeep import fill, post, running, verify

from vectorstore_instance.engine import changes, positions
from vectorstore_instance.engine.disk import Disk, DiskError
from vectorstore_instance.engine.local import LocalEngine
from vectorstore_instance.engine.maintenance import Operation
from vectorstore_instance.settings import Limits, Settings


async def checkpointed(engine: LocalEngine) -> Operation:
    operation = await engine.maintenance.begin("checkpoint")
    while operation.ended is None:  # noqa: ASYNC110 (as whoever asks over HTTP does)
        await asyncio.sleep(0.01)
    return operation


async def refused(data: Path, told: str) -> None:
    """Starts in vain, in these words."""
    engine = LocalEngine(Settings(data_dir=data), Limits)
    try:
        with pytest.raises(DiskError, match=told):
            await engine.start()
    finally:
        await engine.stop()


def ages(data: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in data.iterdir() if path.name != "lock"}


async def test_a_checkpoint_that_is_asked_for_holds_all_that_the_files_do(tmp_path: Path) -> None:
    rows = await fill(tmp_path)
    async with running(tmp_path) as engine:
        await post(engine, f"{rows}/get", {"limit": 1})  # wakes it
        taken = await checkpointed(engine)
        assert (taken.phase, taken.error, taken.done) == ("done", None, 1)
        (index,) = {one.segment: one for one in positions.indices(engine.disk.tables.path)}.values()
        assert engine.disk.checkpoints.position(index.segment) == index.position
        again = await checkpointed(engine)
        assert (again.phase, again.total) == ("done", 0)  # nothing is ahead of it
        await verify(engine, rows)


async def test_a_sleeping_store_needs_none(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with running(tmp_path) as engine:
        taken = await checkpointed(engine)
        assert (taken.phase, taken.total, engine.pid) == ("done", 0, None)


async def test_a_checkpoint_without_room_says_so_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = await fill(tmp_path)
    async with running(tmp_path) as engine:
        await post(engine, f"{rows}/get", {"limit": 1})
        monkeypatch.setattr("vectorstore_instance.engine.checkpointing.SLACK", 1 << 62)
        failed = await checkpointed(engine)
        assert failed.phase == "failed"
        assert "collections worn: the index could not be copied" in (failed.error or "")
        await verify(engine, rows)


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ('{"format": 2}', "holds data of format 2, which a later version has written, and this one reads formats"),
        ("{", "put a good copy in its place"),
    ],
)
async def test_data_of_a_later_format_is_not_touched(tmp_path: Path, stamp: str, told: str) -> None:
    rows = await fill(tmp_path)
    format_ = tmp_path / "format.json"
    before = format_.read_text()
    assert json.loads(before) == {"format": 1}
    format_.write_text(stamp)
    files = ages(tmp_path)
    await refused(tmp_path, told)
    assert ages(tmp_path) == files
    format_.write_text(before)
    async with running(tmp_path) as engine:
        await verify(engine, rows)


async def test_tables_of_a_later_engine_name_the_remedy(tmp_path: Path) -> None:
    await fill(tmp_path)
    disk = Disk(tmp_path)
    with changes.writing(disk.tables.path) as db:
        db.execute("update migrations set version = 99 where dir = 'sysdb' and version = 10")
    await refused(tmp_path, r"schema .*99.*; run the version that wrote it \(in a cluster: spec.version\)")
