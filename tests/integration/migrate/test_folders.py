"""Chroma's own folders: in, whatever made them, and out as `chromadb.PersistentClient` opens them."""

from __future__ import annotations

import lzma
import shutil
import sqlite3
from pathlib import Path

import chromadb
import numpy as np
import pytest
from chromadb.errors import InvalidArgumentError
from tests.integration.migrate.conftest import RECORDS, contents, digests, moved, run
from tests.support.machine import Machine

HERE = Path(__file__).parent


def test_a_folder_is_moved_as_it_is_and_stays_as_it_was(machine: Machine, folder: Path) -> None:
    before = digests(folder)
    told = moved(machine, "import", "acme", "--from", str(folder))
    assert digests(folder) == before
    assert {name: each["records"]["target"] for name, each in told.items()} == {
        "many": RECORDS,
        "kinds": 3,
        "chosen": 1,
        "none": 0,
        "second/notes": 1,
    }
    there, here = machine.chroma(), chromadb.PersistentClient(str(folder))
    assert contents(there, "many") == contents(here, "many")
    for name in ("many", "kinds", "none", "chosen"):
        one, other = there.get_collection(name), here.get_collection(name)
        assert one.metadata == other.metadata
        assert one.configuration_json == other.configuration_json
    with pytest.raises(InvalidArgumentError, match="secret"):  # as nobody indexes it
        there.get_collection("chosen").get(where={"secret": "s"})
    kinds, theirs = contents(there, "kinds"), contents(here, "kinds")
    assert {id_: row[1:] for id_, row in kinds.items()} == {id_: row[1:] for id_, row in theirs.items()}
    assert type(kinds["all"][2]["f"]) is float
    assert told["kinds"]["largestDeviations"]["vectors"] < 1e-6
    assert told["many"]["checksums"]["vectors"]["source"] == told["many"]["checksums"]["vectors"]["target"]
    assert told["many"]["queries"] == {"asked": 8, "alike": 8}


@pytest.mark.parametrize("release", ["0.4.24", "0.6.3"])
def test_a_folder_of_an_older_release_is_moved(machine: Machine, tmp_path: Path, release: str) -> None:
    """Their vectors are in the queue of the file still; the metadata say the space, which no configuration does."""
    old = HERE / f"chroma-{release}.sqlite3.xz"
    (tmp_path / "chroma.sqlite3").write_bytes(lzma.decompress(old.read_bytes()))
    database = f"from-{release}"
    told = moved(machine, "import", "acme", "--from", str(tmp_path), "--to-database", database)[f"{database}/notes"]
    assert told["records"] == {"source": 3, "target": 3}
    assert 0 < told["largestDeviations"]["floats"] < 1e-15  # what they kept exactly, Chroma rounds since 1.0
    there = machine.chroma()
    there.set_database(database)
    collection = there.get_collection("notes")
    assert collection.configuration_json["hnsw"]["space"] == "cosine"
    assert collection.configuration_json["hnsw"]["max_neighbors"] == 24
    assert (collection.metadata["owner"], collection.metadata["hnsw:space"]) == ("ann", "cosine")
    assert contents(there, "notes")["a"][1:3] == ["one", {"i": 1, "f": 90.33333333333331, "b": True, "s": "x"}]


def test_a_store_becomes_a_folder_that_chromas_client_opens(machine: Machine, folder: Path, tmp_path: Path) -> None:
    moved(machine, "import", "acme", "--from", str(folder))
    out = tmp_path / "out"
    options = ("--database", "default_database", "--database", "second")
    told = moved(machine, "export", "acme", "--to", str(out), "--format", "chroma", *options)
    assert told["many"]["checksums"]["vectors"]["source"] == told["many"]["checksums"]["vectors"]["target"]
    client, original = chromadb.PersistentClient(str(out)), chromadb.PersistentClient(str(folder))
    assert contents(client, "many") == contents(original, "many")
    for name in ("many", "kinds", "none"):
        assert client.get_collection(name).metadata == original.get_collection(name).metadata
        assert client.get_collection(name).configuration_json == original.get_collection(name).configuration_json
    assert (
        client.get_collection("many").query(query_embeddings=np.array([[0.1, 0.2, 0.3]]), n_results=10)["ids"]
        == (original.get_collection("many").query(query_embeddings=np.array([[0.1, 0.2, 0.3]]), n_results=10)["ids"])
    )
    assert chromadb.PersistentClient(str(out), database="second").get_collection("notes").count() == 1
    again = run(machine, "export", "acme", "--to", str(out), "--format", "chroma", code=1).stderr
    assert f"{out} is there already; name a folder that is not" in again


def test_a_folder_without_its_index_is_refused(machine: Machine, folder: Path, tmp_path: Path) -> None:
    """Chroma itself opens it, counts all records, and finds next to none."""
    shutil.copyfile(folder / "chroma.sqlite3", tmp_path / "chroma.sqlite3")
    words = ("import", "acme", "--from", str(tmp_path), "--collection", "many", "--as", "torn")
    assert f"{tmp_path}: " in run(machine, *words, code=1).stderr
    assert "torn" not in [each.name for each in machine.chroma().list_collections()]


def test_what_is_no_folder_of_chromas_is_refused(machine: Machine, tmp_path: Path) -> None:
    def said(path: Path) -> str:
        return run(machine, "import", "acme", "--from", str(path), code=1).stderr

    assert "is not there; name a folder or a file, or a URL" in said(tmp_path / "nowhere")
    assert "there is neither a .parquet nor a .jsonl in it, nor a chroma.sqlite3" in said(tmp_path)
    (tmp_path / "chroma-embeddings.parquet").touch()
    assert "a folder of Chroma before 0.4 (DuckDB)" in said(tmp_path)
    spoiled = tmp_path / "spoiled"
    spoiled.mkdir()
    (spoiled / "chroma.sqlite3").write_bytes(b"SQLite format 3\0" + bytes(4000))
    assert "does not open it: " in (words := said(spoiled))
    assert 'File "' not in words


def test_a_folder_that_is_written_to_is_refused(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vectorstore_operator.local import Problem
    from vectorstore_operator.migrate.chroma import directory

    source = tmp_path / "source"
    source.mkdir()
    with sqlite3.connect(source / "chroma.sqlite3") as database:
        database.execute("create table t (x)")
    copytree = shutil.copytree

    def meanwhile(*paths: Path) -> None:
        copytree(*paths)
        with sqlite3.connect(source / "chroma.sqlite3") as database:
            database.execute("insert into t values (1)")

    monkeypatch.setattr(shutil, "copytree", meanwhile)
    with pytest.raises(Problem, match="something writes to it; stop the application"):
        directory._copy(source, tmp_path / "copy")
