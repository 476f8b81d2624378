"""A machine with a store, folders of Chroma's as its own client makes them, and a look at what came where."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
import pytest
from chromadb import Schema
from chromadb.api.types import StringInvertedIndexConfig
from click.testing import CliRunner, Result
from tests.support.machine import Machine, manifest

from vectorstore_operator.cli.main import cli
from vectorstore_operator.local import Problem

RECORDS = 2300
"""More than two pages, and more than Chroma keeps without files of an index."""


@pytest.fixture(scope="package")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with a store that everything is moved into, each test to a database or collection of its own."""
    machine = Machine(tmp_path_factory.mktemp("machine") / "home")
    machine.up(manifest())
    yield machine
    machine.run("down", "--all")


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that chromadb.PersistentClient made: each space, every type of metadata, two databases."""
    path = tmp_path_factory.mktemp("chroma") / "data"
    fill(chromadb.PersistentClient(str(path)))
    admin = chromadb.AdminClient(chromadb.Settings(is_persistent=True, persist_directory=str(path)))
    admin.create_database("second")
    other = chromadb.PersistentClient(str(path), database="second")
    other.create_collection("notes", embedding_function=None).add(ids=["z"], embeddings=[[0.1, 0.2]], uris=["http://z"])
    return path


def fill(client: chromadb.ClientAPI) -> None:
    """Collections of three spaces: one with many records, one with all kinds of them, one without any."""
    generator = np.random.default_rng(7)
    many = client.create_collection(
        "many", configuration={"hnsw": {"space": "l2", "sync_threshold": 500}}, embedding_function=None
    )
    vectors = generator.standard_normal((RECORDS, 3)).astype(np.float32)
    vectors[0] = np.array([1e-42, -0.0, 2.5], np.float32)
    many.add(
        ids=[f"id{n}" for n in range(RECORDS)], embeddings=vectors, documents=[f"text {n}" for n in range(RECORDS)]
    )
    kinds = client.create_collection(
        "kinds",
        metadata={"owner": "ann", "year": 2026, "share": 0.1, "open": True},
        configuration={"hnsw": {"space": "cosine", "ef_search": 33, "max_neighbors": 24}},
        embedding_function=None,
    )
    kinds.add(
        ids=["none", "all", "ü/\n"],
        embeddings=[[0.1, 0.2, 0.3], [1.0, 0.0, 0.0], [3.0, 4.0, 5.0]],
        documents=[None, "", "zwölf"],
        metadatas=[
            None,
            {"s": "", "i": -(2**53) - 1, "f": 1.0, "b": False, "l": [1, 2], "t": ["x"], "r": [0.5], "y": [True]},
            {"f": 90.33333333333333},
        ],
        uris=[None, "file:///a", None],
    )
    schema = Schema().delete_index(key="secret", config=StringInvertedIndexConfig())
    chosen = client.create_collection("chosen", schema=schema, embedding_function=None)
    chosen.add(ids=["a"], embeddings=[[1, 2, 3]], metadatas=[{"secret": "s", "n": 1}])
    client.create_collection("none", configuration={"hnsw": {"space": "ip"}}, embedding_function=None)


def run(machine: Machine, *words: str, code: int = 0) -> Result:
    """Runs a command as `Machine.run` does, within this process: what it takes to start one is most of the time."""
    done = CliRunner().invoke(cli, words, env={"VECTORSTORE_HOME": str(machine.home)})
    if isinstance(done.exception, Problem):
        done.exit_code, done.stderr_bytes = 1, (done.stderr_bytes or b"") + str(done.exception).encode()
    elif done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.stderr
    return done


def moved(machine: Machine, *words: str, code: int = 0) -> dict[str, Any]:
    """The report of an import or export, its collections by name."""
    told: dict[str, Any] = json.loads(run(machine, *words, "-o", "json", code=code).stdout)
    assert told["ok"] is (code == 0)
    return {each["name"]: each for each in told["collections"]}


def contents(client: chromadb.ClientAPI, name: str) -> dict[str, tuple[Any, ...]]:
    """A collection's records by id; vectors as their bits."""
    collection = client.get_collection(name, embedding_function=None)
    found = collection.get(include=["embeddings", "documents", "metadatas", "uris"])
    bits = [np.asarray(row, np.float32).tobytes() for row in found["embeddings"]]
    columns = (bits, found["documents"], found["metadatas"], found["uris"])
    return {id_: row for id_, *row in zip(found["ids"], *columns, strict=True)}


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
