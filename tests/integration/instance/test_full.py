"""The disk fills up to the last byte: clear refusals, nothing lost, and all goes on when there is room."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import chromadb
import chromadb.errors
import pytest
from tests.support.instances import Running, wait_until
from tests.support.writers import Writer, verify

Start = Callable[..., Running]
ROWS, DIMENSION = 100, 64


def fill(volume: Path) -> Path:
    """Takes every byte there is."""
    ballast = volume / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


def collection_of(running: Running) -> chromadb.Collection:
    return running.chroma().get_collection("full", embedding_function=None)


def begin(start: Start, volume: Path) -> Running:
    running = start(DATA_DIR=str(volume / "data"), MODEL_NAME="none", DIMENSION=str(DIMENSION))
    running.chroma().create_collection(
        "full", configuration={"hnsw": {"sync_threshold": 20, "space": "l2"}}, embedding_function=None
    )
    return running


@pytest.mark.parametrize("end", [None, signal.SIGTERM])
def test_a_disk_filled_to_the_last_byte_loses_nothing(start: Start, volume: Path, end: signal.Signals | None) -> None:
    running = begin(start, volume)
    writers = [Writer(f"w{n}", lambda: collection_of(running), ROWS, DIMENSION, n) for n in range(3)]
    for writer in writers:
        writer.start()
    wait_until(lambda: all(writer.acknowledged > 3 for writer in writers))
    ballast = fill(volume)
    wait_until(lambda: all(len(writer.refusals) > 3 for writer in writers))
    for writer in writers:
        writer.halt.set()
        writer.join()
        for refusal in writer.refusals:
            assert re.search("read-only|full|no room|recovering", str(refusal)), refusal

    if end is not None:
        running.end(end)
    ballast.unlink()
    if end is not None:
        running.restart()
    collection = collection_of(running)
    for writer in writers:
        verify(collection, writer, DIMENSION)
    writers = [writer.continued() for writer in writers]
    for writer in writers:
        wait_until(lambda: wrote(writer, collection))  # noqa: B023
        verify(collection, writer, DIMENSION)


def wrote(writer: Writer, collection: chromadb.Collection) -> bool:
    try:
        writer.write(collection)
    except chromadb.errors.ChromaError as refusal:  # until the instance has seen that there is room
        return re.search("read-only|full", str(refusal)) is None
    return True


def test_a_start_on_a_full_disk_says_so_and_goes_on_when_there_is_room(start: Start, volume: Path) -> None:
    running = begin(start, volume)
    writer = Writer("w", lambda: collection_of(running), ROWS, DIMENSION, 0)
    for _ in range(20):
        writer.write(collection_of(running))
    running.end(signal.SIGKILL)
    ballast = fill(volume)
    with pytest.raises(AssertionError, match=r"DATA_DIR: .*room"):
        running.restart()
    ballast.unlink()
    running.restart()
    verify(collection_of(running), writer, DIMENSION)
