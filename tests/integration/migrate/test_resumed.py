"""Killed in the middle and run again: nothing twice, nothing lost; and the proof finds whatever is not right."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import chromadb
import numpy as np
import pytest
from tests.integration.migrate.conftest import moved, run
from tests.support.machine import CLI, Machine

from vectorstore_operator.cli.ends import of_machine, server
from vectorstore_operator.local.folder import Home
from vectorstore_operator.migrate.comparison import as_engine
from vectorstore_operator.migrate.files.tree import Tree
from vectorstore_operator.migrate.proof import Proof, prove

MANY, FEW = 6000, 600


def lines(path: Path, count: int, dimension: int) -> Path:
    """A file of records."""
    vectors = np.random.default_rng(3).standard_normal((count, dimension)).round(4).tolist()
    rows = ({"id": f"id{n}", "embedding": vector, "document": "x" * 300} for n, vector in enumerate(vectors))
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that takes seconds to import."""
    return lines(tmp_path_factory.mktemp("file") / "long.jsonl", MANY, 64)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that takes none."""
    return lines(tmp_path_factory.mktemp("file") / "short.jsonl", FEW, 8)


def kill_midway(machine: Machine, *words: str, what: str) -> None:
    """Kills the command as soon as it says that it has done some of it."""
    command = [*CLI, *words]
    with subprocess.Popen(command, env=machine.environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if what in line:
                break
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL


def test_an_import_that_was_killed_goes_on(machine: Machine, file: Path) -> None:
    words = ("import", "acme", "--from", str(file), "--as", "resumed", "--space", "l2")
    kill_midway(machine, *words, what="resumed: writing")
    before = machine.chroma().get_collection("resumed").count()
    assert 0 < before < MANY
    told = moved(machine, *words)["resumed"]
    assert (told["equal"], told["written"], told["replaced"]) == (before, MANY - before, 0)
    assert told["records"] == {"source": MANY, "target": MANY}


@pytest.mark.parametrize("form", ["chroma", "parquet"])
def test_an_export_that_was_killed_goes_on(machine: Machine, file: Path, tmp_path: Path, form: str) -> None:
    run(machine, "import", "acme", "--from", str(file), "--as", "whole", "--space", "l2")
    out = tmp_path / "out"
    words = ("export", "acme", "--to", str(out), "--format", form, "--collection", "whole")
    kill_midway(machine, *words, what="whole: writing")
    assert not list(out.rglob("whole.parquet")) if form == "parquet" else not out.exists()
    assert moved(machine, *words)["whole"]["records"] == {"source": MANY, "target": MANY}
    if form == "chroma":
        assert chromadb.PersistentClient(str(out)).get_collection("whole").count() == MANY
    assert not list(tmp_path.rglob("*.part"))


def test_a_torn_folder_is_begun_anew(machine: Machine, folder: Path, tmp_path: Path) -> None:
    """As it is after a kill in the very moment in which Chroma writes an index in place."""
    run(machine, "import", "acme", "--from", str(folder), "--to-database", "tearing")
    out, part = tmp_path / "out", tmp_path / "out.part"
    words = ("export", "acme", "--to", str(out), "--format", "chroma", "--database", "tearing", "--collection", "many")
    run(machine, *words)
    out.rename(part)
    next(part.rglob("index_metadata.pickle")).write_bytes(b"")
    done = run(machine, *words)
    assert "is torn: the command was killed" in done.stderr
    assert chromadb.PersistentClient(str(out), database="tearing").get_collection("many").count() == 2300


def silent(*_: object) -> None:
    """Hears how it goes."""


async def proof(machine: Machine, file: Path, name: str) -> Proof:
    """The proof alone, which repairs nothing."""
    async with server(of_machine(Home(machine.home), "acme", "read-only"), "default_tenant") as acme:
        tree = Tree(file)
        [collection], there = await tree.collections(), await acme.find("default_database", name)
        assert there is not None
        return await prove(tree, collection, acme, there, silent, engine=None, comparison=as_engine(there))


def test_the_proof_finds_what_is_not_right(machine: Machine, short: Path) -> None:
    run(machine, "import", "acme", "--from", str(short), "--as", "proven", "--space", "l2")
    collection = machine.chroma().get_collection("proven")
    assert asyncio.run(proof(machine, short, "proven")).ok
    vector = np.array(collection.get("id1", include=["embeddings"])["embeddings"][0], np.float32)
    collection.update("id1", embeddings=[np.nextafter(vector, np.float32(9), dtype=np.float32)])
    same = collection.get("id2", include=["embeddings"])["embeddings"]
    collection.update("id2", embeddings=same, documents=["another"])
    collection.update("id3", metadatas=[{"new": 1}])
    collection.delete(["id4"])
    collection.add(["extra"], embeddings=[vector])
    found = asyncio.run(proof(machine, short, "proven"))
    assert found.different == ["id1", "id2", "id3"]
    assert found.missing == ["id4"]
    assert found.contents[0] != found.contents[1]
    assert found.vectors[0] != found.vectors[1]
    assert any(words.startswith("1 records that the source does not have") for words in found.wrong)


def test_the_proof_finds_another_way_to_measure(machine: Machine, short: Path) -> None:
    """All records are the same, and what is found is not."""
    run(machine, "import", "acme", "--from", str(short), "--as", "measured", "--space", "l2")
    run(machine, "import", "acme", "--from", str(short), "--as", "remeasured", "--space", "ip")

    async def compared() -> Proof:
        async with server(of_machine(Home(machine.home), "acme", "read-only"), "default_tenant") as acme:
            one, other = [await acme.find("default_database", name) for name in ("measured", "remeasured")]
            assert one is not None
            assert other is not None
            return await prove(acme, one, acme, other, silent, engine=acme, comparison=as_engine(other))

    found = asyncio.run(compared())
    assert (found.different, found.missing, found.records) == ([], [], FEW)
    assert (found.sampled, found.found, found.ok) == (8, 0, False)
