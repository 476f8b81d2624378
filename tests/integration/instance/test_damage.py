"""Index files and checkpoints that are not what they were: noticed at the next start, repaired alone, reported."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from vectorstore_instance.engine import DATABASE, State, positions
from vectorstore_instance.engine.local import LocalEngine
from vectorstore_instance.settings import Limits, Settings

Damage = Callable[[Path], None]
ROWS = 60


class Store:
    """Two collections of some rows in a folder, through one run of the engine after another."""

    def __init__(self, folder: Path, **settings: float) -> None:
        self.folder = folder
        self.engine = LocalEngine(self.settings(**settings), Limits)
        self.paths: dict[str, str] = {}

    def settings(self, **settings: float) -> Settings:
        return Settings.model_validate({"data_dir": self.folder, "model_name": "none", "dimension": 4} | settings)

    async def make(self, name: str) -> None:
        body = {"name": name, "configuration": {"hnsw": {"sync_threshold": 20, "space": "l2"}}}
        made = await self.engine.request("POST", f"{DATABASE}/collections", json.dumps(body).encode())
        self.paths[name] = f"{DATABASE}/collections/{json.loads(made.unwrap())['id']}"

    async def write(self, name: str, first: int, count: int, edition: int = 0) -> None:
        body = {
            "ids": [f"r{n}" for n in range(first, first + count)],
            "embeddings": [vector(n, edition) for n in range(first, first + count)],
        }
        (await self.engine.request("POST", f"{self.paths[name]}/upsert", json.dumps(body).encode())).unwrap()

    async def wrong(self, name: str, count: int, edition: int = 0) -> list[int]:
        """Rows that a query for their own vector does not find first."""
        body = {"query_embeddings": [vector(n, edition) for n in range(count)], "n_results": 1, "include": []}
        reply = await self.engine.request("POST", f"{self.paths[name]}/query", json.dumps(body).encode())
        return [n for n, ids in enumerate(json.loads(reply.unwrap())["ids"]) if ids != [f"r{n}"]]

    async def differing(self, name: str, numbers: range, edition: int) -> list[int]:
        """Rows whose vector in the index is another: a graph may lose sight of a row that is overwritten."""
        body = {"ids": [f"r{n}" for n in numbers], "include": ["embeddings"]}
        found = json.loads(
            (await self.engine.request("POST", f"{self.paths[name]}/get", json.dumps(body).encode())).unwrap()
        )
        there = dict(zip(found["ids"], found["embeddings"], strict=True))
        return [n for n in numbers if there.get(f"r{n}") != pytest.approx(vector(n, edition), abs=1e-6)]

    async def restarted(self, **settings: float) -> State:
        """Stops the engine in order unless it is, starts another on the folder and wakes it."""
        await self.engine.stop()
        return await self.started(**settings)

    async def started(self, **settings: float) -> State:
        self.engine = LocalEngine(self.settings(**settings), Limits)
        await self.engine.start()
        (await self.engine.request("GET", f"{DATABASE}/collections")).unwrap()
        return self.engine.state()

    def copy_of_a_crash(self, folder: Path) -> Store:
        """The folder as a kill would leave it, with a store on it that is not started."""
        shutil.copytree(self.folder, folder)
        copy = Store(folder)
        copy.paths = self.paths
        return copy

    def index(self, name: str) -> Path:
        found = {index.name: index.segment for index in positions.indices(self.folder / "chroma.sqlite3")}
        return self.folder / found[name]

    def checkpoint(self, name: str) -> Path:
        (found,) = (self.folder / "checkpoints").glob(f"{self.index(name).name}.*")
        return found


def vector(number: int, edition: int = 0) -> list[float]:
    chance = random.Random(f"{number} {edition}")
    return [chance.uniform(-1, 1) for _ in range(4)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store with two collections, the engine awake."""
    made = Store(tmp_path / "store")
    await made.engine.start()
    for name in ("damaged", "sound"):
        await made.make(name)
        await made.write(name, 0, ROWS)
    yield made
    await made.engine.stop()


def flip(path: Path) -> None:
    """Changes some bytes in the middle, as a disk would: the file's age stays."""
    found = path.stat()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4] = bytes(byte ^ 0xFF for byte in content[middle : middle + 4])
    path.write_bytes(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


FILES = ("header.bin", "data_level0.bin", "length.bin", "link_lists.bin", "index_metadata.pickle")


@pytest.mark.parametrize(
    ("damage", "file"), [*((flip, file) for file in FILES), (truncate, FILES[1]), (Path.unlink, FILES[4])]
)
async def test_damage_at_rest_is_repaired_in_its_collection_alone(
    store: Store, caplog: pytest.LogCaptureFixture, damage: Damage, file: str
) -> None:
    await store.engine.stop()
    before = os.stat(store.index("sound"))
    damage(store.index("damaged") / file)

    state = await store.started()

    assert (state.repairs, state.replayed, state.starts) == (1, ROWS, 2)
    assert "collection damaged (" in caplog.text
    assert "collection sound (" not in caplog.text
    after = os.stat(store.index("sound"))
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [await store.wrong(name, ROWS) for name in ("damaged", "sound")] == [[], []]


async def test_damage_while_the_engine_ran_is_not_vouched_for_at_its_end(store: Store) -> None:
    await store.restarted()
    flip(store.index("damaged") / "data_level0.bin")
    state = await store.restarted()
    assert (state.repairs, await store.wrong("damaged", ROWS)) == (1, [])


async def test_a_start_on_whole_files_repairs_nothing(store: Store) -> None:
    state = await store.restarted()
    assert (state.repairs, state.starts) == (0, 1)


async def test_what_a_crash_left_untouched_is_kept_and_the_rest_made_again(store: Store, tmp_path: Path) -> None:
    await store.restarted()
    await store.write("damaged", ROWS, 40)
    crashed = store.copy_of_a_crash(tmp_path / "crashed")
    state = await crashed.started()
    assert (state.repairs, state.replayed) == (1, ROWS + 40)
    assert [await crashed.wrong("damaged", ROWS + 40), await crashed.wrong("sound", ROWS)] == [[], []]
    await crashed.engine.stop()


async def checkpointed(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Store:
    """A crash after a checkpoint of one collection and 30 further operations."""
    caplog.set_level(logging.INFO)
    await store.restarted(recovery_seconds=0.35)  # 87 operations may be replayed
    await store.write("damaged", 0, ROWS, edition=1)
    await store.engine.checkpointing.look()
    assert (
        store.checkpoint("damaged").suffix
        == f".{positions.position(store.folder / 'chroma.sqlite3', store.index('damaged').name)}"
    )
    await store.write("damaged", 0, 30, edition=2)
    return store.copy_of_a_crash(tmp_path / "crashed")


async def test_recovery_replays_only_what_came_after_the_checkpoint(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    crashed = await checkpointed(store, tmp_path, caplog)
    assert store.engine.state().checkpoints >= 1
    state = await crashed.started()
    assert "collection damaged (" in caplog.text
    assert "its index comes from its checkpoint and the queue; replaying 30 operations" in caplog.text
    assert state.replayed == 30
    assert await crashed.differing("damaged", range(30), edition=2) == []
    assert await crashed.differing("damaged", range(30, ROWS), edition=1) == []
    await crashed.engine.stop()


@pytest.mark.parametrize("file", ["files/data_level0.bin", "files/header.bin", "manifest.json"])
async def test_a_damaged_checkpoint_costs_a_replay_and_no_row(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    crashed = await checkpointed(store, tmp_path, caplog)
    flip(crashed.checkpoint("damaged") / file)
    state = await crashed.started()
    assert "its checkpoint is damaged and was removed" in caplog.text
    assert "its index comes from the queue; replaying 60 operations" in caplog.text
    assert state.repairs == 2
    assert await crashed.differing("damaged", range(30), edition=2) == []
    assert await crashed.differing("damaged", range(30, ROWS), edition=1) == []
    await crashed.engine.stop()


async def test_a_checkpoint_goes_with_its_successor_and_with_its_collection(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await checkpointed(store, tmp_path, caplog)
    first = store.checkpoint("damaged")
    await store.write("damaged", 0, ROWS, edition=3)
    await store.engine.checkpointing.look()
    assert store.checkpoint("damaged") != first
    (await store.engine.request("DELETE", f"{DATABASE}/collections/damaged")).unwrap()
    await store.engine.checkpointing.look()
    assert list((store.folder / "checkpoints").glob("*")) == []
