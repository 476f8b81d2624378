"""The power goes while writers write: every acknowledged write is there when it is back.

A file system on a loop device is shut down as the power would: what was not synced is gone, the
journal's buffers too. The processes are killed then, the file system is mounted anew, and the store
must hold what it acknowledged. SOAK_CUTS of them in full.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import chromadb
import pytest
from tests.support.instances import Running, wait_until, working_in
from tests.support.persists import await_persist
from tests.support.volumes import Disk
from tests.support.writers import Writer, verify

from vectorstore_instance.engine.manifest import write_synced

Start = Callable[..., Running]
CUTS = int(os.environ.get("SOAK_CUTS", "2"))
ROWS, DIMENSION = 100, 64


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "image", tmp_path / "mounted")
    if not (made.format() and made.mount()):
        pytest.skip("needs root, loop devices and mkfs.ext4")
    yield made
    if os.path.ismount(made.folder):
        made.unmount()


def test_a_cut_takes_what_was_not_synced_and_nothing_else(disk: Disk) -> None:
    """What makes the test below worth something."""
    synced, unsynced = disk.folder / "synced", disk.folder / "unsynced"
    write_synced(synced, b"kept")
    unsynced.write_bytes(b"lost")
    disk.cut_power()
    disk.unmount()
    assert disk.mount()
    assert synced.read_bytes() == b"kept"
    assert not unsynced.exists() or unsynced.read_bytes() == b""


def test_what_was_acknowledged_survives_power_cuts(start: Start, disk: Disk) -> None:
    chance = random.Random()
    data = disk.folder / "data"
    running = start(DATA_DIR=str(data), MODEL_NAME="none", DIMENSION=str(DIMENSION), RECOVERY_SECONDS="0.3")
    running.chroma().create_collection(
        "power", configuration={"hnsw": {"sync_threshold": 20, "space": "l2"}}, embedding_function=None
    )

    def open_() -> chromadb.Collection:
        return running.chroma().get_collection("power", embedding_function=None)

    writers = [Writer(f"w{n}", open_, ROWS, DIMENSION, n) for n in range(3)]
    for _ in range(CUTS):
        for writer in writers:
            writer.start()
        wait_until(lambda: all(writer.acknowledged for writer in writers))  # noqa: B023
        time.sleep(chance.uniform(0, 1))
        await_persist(data, seconds=2)
        disk.cut_power()
        time.sleep(chance.uniform(0, 0.5))  # nothing may be acknowledged any more
        for writer in writers:
            writer.halt.set()
        running.end(signal.SIGKILL)
        for writer in writers:
            writer.join()
        wait_until(lambda: not working_in(data))
        disk.unmount()
        assert disk.mount()
        running.start()
        collection = open_()
        for writer in writers:
            verify(collection, writer, DIMENSION)
        writers = [writer.continued() for writer in writers]
    running.end()
