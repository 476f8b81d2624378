"""What a manifest proves, and which copy of an index counts."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from vectorstore_instance.engine.checkpoint import Checkpoints
from vectorstore_instance.engine.checkpointing import Backlog
from vectorstore_instance.engine.manifest import describe

SEGMENT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    folder = tmp_path / SEGMENT
    folder.mkdir()
    (folder / "header.bin").write_bytes(b"header")
    (folder / "data_level0.bin").write_bytes(bytes(range(256)) * 9000)
    return folder


def flip(path: Path) -> None:
    """Changes one byte and leaves the file's age."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_manifest_finds_a_single_changed_byte_that_the_age_of_files_does_not_show(index: Path) -> None:
    manifest = describe(index, 7)
    assert manifest.untouched(index)
    assert manifest.holds(index)
    flip(index / "data_level0.bin")
    assert manifest.untouched(index)
    assert not manifest.holds(index)


@pytest.mark.parametrize("change", ["more", "fewer", "shorter", "gone"])
def test_a_manifest_holds_for_no_other_files(index: Path, change: str) -> None:
    manifest = describe(index, 7)
    if change == "more":
        (index / "other").touch()
    elif change == "fewer":
        (index / "header.bin").unlink()
    elif change == "shorter":
        os.truncate(index / "data_level0.bin", 5)
    else:
        index.rename(index.with_name("elsewhere"))
    assert not manifest.holds(index)
    assert not manifest.untouched(index)


def test_a_checkpoint_counts_when_it_is_complete_and_takes_the_place_of_the_last(index: Path, tmp_path: Path) -> None:
    checkpoints, target = Checkpoints(tmp_path / "checkpoints"), tmp_path / "back"
    checkpoints.begin(SEGMENT, index)
    assert (checkpoints.position(SEGMENT), checkpoints.put_back(SEGMENT, target)) == (None, None)
    checkpoints.complete(SEGMENT, 7)
    assert checkpoints.position(SEGMENT) == 7

    (index / "header.bin").write_bytes(b"later")
    checkpoints.begin(SEGMENT, index)
    assert checkpoints.put_back(SEGMENT, target) == 7
    assert (target / "header.bin").read_bytes() == b"header"

    checkpoints.complete(SEGMENT, 12)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [f"{SEGMENT}.12"]


def test_a_checkpoint_that_is_not_whole_is_not_put_back(index: Path, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.begin(SEGMENT, index)
    checkpoints.complete(SEGMENT, 7)
    flip(tmp_path / "checkpoints" / f"{SEGMENT}.7" / "files" / "data_level0.bin")
    assert checkpoints.put_back(SEGMENT, tmp_path / "back") is None
    assert not (tmp_path / "back").exists()


def test_only_checkpoints_of_living_collections_are_kept(index: Path, tmp_path: Path) -> None:
    checkpoints, other = Checkpoints(tmp_path / "checkpoints"), SEGMENT.replace("1", "9")
    for segment in (SEGMENT, other):
        checkpoints.begin(segment, index)
        checkpoints.complete(segment, 7)
    checkpoints.begin(SEGMENT, index)  # and never completed
    checkpoints.keep([SEGMENT])
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [f"{SEGMENT}.7"]


def test_a_queue_that_a_reset_began_anew_is_counted_anew(tmp_path: Path) -> None:
    collections = [f"{n}1111111-2222-3333-4444-555555555555" for n in range(2)]
    backlog = Backlog()
    for collection, operations in zip(collections, (100, 40), strict=True):
        with sqlite3.connect(tmp_path / "chroma.sqlite3") as db:
            db.executescript("""
                drop table if exists embeddings_queue;
                create table embeddings_queue (seq_id integer primary key, topic text);
            """)
            topic = f"persistent://default/default/{collection}"
            db.executemany("insert into embeddings_queue (topic) values (?)", [(topic,)] * operations)
        backlog.read(tmp_path / "chroma.sqlite3")
        assert backlog.newest == backlog.after(collection, 0) == operations
