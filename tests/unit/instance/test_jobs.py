"""The queue of files: bounded, patient with what is away, and locked against a second instance."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from vectorstore_instance.core.errors import ApiError, over_quota, unavailable
from vectorstore_instance.core.observer import Observer
from vectorstore_instance.documents import jobs as jobs_module
from vectorstore_instance.documents import work
from vectorstore_instance.documents.jobs import Jobs
from vectorstore_instance.documents.ledger import File, Ledger, LedgerUnusable
from vectorstore_instance.engine import Reply
from vectorstore_instance.settings import Limits, Settings


class Embedder:
    """One chunk for each text, and a vector of one number for each chunk, once it may."""

    dimension = 1
    max_tokens = 256

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked = asyncio.Event()

    async def split(self, text: str, size: int, overlap: int) -> list[tuple[int, int]]:
        self.asked.set()
        await self.may.wait()
        return [(0, len(text))]

    async def embed(self, texts: list[str]) -> NDArray[np.float32]:
        return np.ones((len(texts), 1), np.float32)


class Engine:
    """Stores nothing; raises what it is told to, once each."""

    def __init__(self, *problems: ApiError) -> None:
        self.problems = list(problems)
        self.paths: list[str] = []

    async def request(self, method: str, path: str, body: bytes = b"") -> Reply:
        self.paths.append(path.rpartition("/")[2])
        if self.problems:
            raise self.problems.pop(0)
        return Reply(200, msgspec.json.encode({"ids": [], "documents": []}))


@pytest.fixture
def limits() -> Limits:
    return Limits(max_body_bytes=1024)


def started(folder: Path, engine: Any, embedder: Any, limits: Limits) -> Jobs:
    settings = Settings(data_dir=folder)
    return Jobs(settings, lambda: limits, engine, embedder, Observer(settings))


async def send(jobs: Jobs, source: str, text: str = "hello") -> None:
    await jobs.room(len(text))
    folder = jobs.inbox()
    (folder / "upload").write_text(text)
    await jobs.add([File("c", "/base", source, f"{folder.name}/upload", chunk_size=16, bytes=len(text))])


async def ended(jobs: Jobs, *phases: str) -> File:
    while True:
        files = await jobs.of("c")
        if {file.phase for file in files} == set(phases):
            return files[0]
        await asyncio.sleep(0.01)  # the ledger sends no events


async def test_nothing_is_opened_before_the_first_upload(tmp_path: Path, limits: Limits) -> None:
    jobs = started(tmp_path, Engine(), Embedder(), limits)
    await jobs.start()
    assert await jobs.of("c") == []
    assert await jobs.all("/base", []) == []
    await jobs.forget("c")
    await jobs.stop()
    assert os.listdir(tmp_path) == []


async def test_only_so_much_may_wait(tmp_path: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Embedder()
    jobs = started(tmp_path, Engine(), embedder, limits)
    await send(jobs, "a.txt", "x" * 1000)
    await jobs.room(3000)
    with pytest.raises(ApiError, match="try again when some are done") as refusal:
        await jobs.room(3200)
    assert (refusal.value.status, refusal.value.headers["retry-after"]) == (429, "60")
    monkeypatch.setattr(jobs_module, "FILES", 1)
    with pytest.raises(ApiError, match="1 wait to be read"):
        await send(jobs, "b.txt")
    embedder.may.set()
    await ended(jobs, "done")
    await send(jobs, "b.txt")
    await jobs.stop()


async def test_what_is_away_is_waited_for_and_that_can_be_seen(
    tmp_path: Path, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_PAUSE", 0.01)
    seen = []
    engine, embedder = Engine(unavailable("the engine is recovering", retry_after=0)), Embedder()
    jobs = started(tmp_path, engine, embedder, limits)

    async def request(method: str, path: str, body: bytes = b"") -> Reply:
        seen.append(jobs.current("c")[1])
        return await Engine.request(engine, method, path, body)

    engine.request = request  # type: ignore[method-assign]
    embedder.may.set()
    await send(jobs, "a.txt")
    file = await ended(jobs, "done")
    assert (file.total, file.done) == (1, 1)
    assert seen[:2] == ["", "the engine is recovering"]
    assert engine.paths == ["get", "get", "upsert", "get"]
    await jobs.stop()


async def test_what_waiting_does_not_mend_ends_the_file(tmp_path: Path, limits: Limits) -> None:
    embedder = Embedder()
    embedder.may.set()
    jobs = started(tmp_path, Engine(over_quota("documents: 5 of 5 are used")), embedder, limits)
    await send(jobs, "a.txt")
    assert (await ended(jobs, "failed")).error == "documents: 5 of 5 are used"
    await jobs.stop()


async def test_work_is_taken_up_where_it_was(tmp_path: Path, limits: Limits) -> None:
    first = Embedder()
    jobs = started(tmp_path, Engine(), first, limits)
    await send(jobs, "a.txt")
    await first.asked.wait()
    await jobs.stop()
    assert [file.phase for file in await _ledger(tmp_path)] == ["queued"]

    second = Embedder()
    second.may.set()
    again = started(tmp_path, Engine(), second, limits)
    await again.start()
    await ended(again, "done")
    await again.stop()


async def test_a_file_sent_again_ends_the_work_on_the_first(tmp_path: Path, limits: Limits) -> None:
    embedder = Embedder()
    jobs = started(tmp_path, Engine(), embedder, limits)
    await send(jobs, "a.txt", "old")
    await embedder.asked.wait()
    await send(jobs, "a.txt", "new one")
    embedder.may.set()
    file = await ended(jobs, "done")
    assert file.bytes == 7
    await jobs.stop()
    assert [name for name in os.listdir(tmp_path / "documents") if "sqlite3" not in name] == []


async def test_a_file_refused_by_its_name_leaves_nothing(tmp_path: Path, limits: Limits) -> None:
    embedder = Embedder()
    embedder.may.set()
    jobs = started(tmp_path, Engine(), embedder, limits)
    await jobs.room(0)
    folder = jobs.inbox()
    uploads = {"good.txt": "queued", "bad.exe": "failed"}
    for name in uploads:
        (folder / name).write_text("hello")
    await jobs.add(
        [
            File("c", "/base", name, f"{folder.name}/{name}", chunk_size=16, phase=phase)
            for name, phase in uploads.items()
        ]
    )
    assert not (folder / "bad.exe").exists()
    await ended(jobs, "done", "failed")
    while True:
        if not folder.exists():  # it goes after the ledger says that it is done with
            break
        await asyncio.sleep(0.01)
    await jobs.stop()


async def test_what_was_deleted_elsewhere_is_forgotten(tmp_path: Path, limits: Limits) -> None:
    embedder = Embedder()
    jobs = started(tmp_path, Engine(), embedder, limits)
    await send(jobs, "a.txt")
    assert len(await jobs.all("/base", [])) == 1  # under way: its collection may be younger than the list
    embedder.may.set()
    await ended(jobs, "done")
    assert len(await jobs.all("/base", ["c"])) == 1
    assert await jobs.all("/base", []) == []
    assert await jobs.of("c") == []
    await jobs.stop()


async def test_a_second_instance_and_a_damaged_ledger_are_told(tmp_path: Path, limits: Limits) -> None:
    path = tmp_path / "files.sqlite3"
    ledger = Ledger(path)
    with pytest.raises(LedgerUnusable, match="another instance works on it"):
        Ledger(path)
    ledger.close()
    path.write_bytes(b"x" * 8192)
    with pytest.raises(LedgerUnusable, match="move it away"):
        Ledger(path)

    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "files.sqlite3").write_bytes(b"x" * 8192)
    jobs = started(tmp_path, Engine(), Embedder(), limits)
    await jobs.start()  # the store serves everything else
    with pytest.raises(ApiError, match="cannot be worked on"):
        await jobs.room(0)
    await jobs.stop()


async def _ledger(folder: Path) -> list[File]:
    ledger = Ledger(folder / "documents" / "files.sqlite3")
    try:
        return await ledger.all()
    finally:
        ledger.close()
