"""A Chroma server by URL: as a source, as a target, with keys and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import chromadb
import pytest
from tests.integration.migrate.conftest import contents, fill, moved, run
from tests.support.chroma import chroma_run
from tests.support.machine import Machine


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_run(tmp_path_factory.mktemp("server")) as url:
        fill(chromadb.HttpClient("127.0.0.1", int(url.rpartition(":")[2])))
        yield url


def test_a_running_server_is_moved_and_moved_again_only_where_it_changed(machine: Machine, url: str) -> None:
    source = chromadb.HttpClient("127.0.0.1", int(url.rpartition(":")[2])).get_collection("kinds")
    words = ("import", "acme", "--from", url, "--collection", "kinds", "--to-database", "served")
    assert moved(machine, *words)["served/kinds"]["written"] == 3
    source.update(ids=["all"], metadatas=[{"s": "changed", "i": None}])
    source.add(ids=["new"], embeddings=[[0.0, 1.0, 0.0]])
    told = moved(machine, *words)["served/kinds"]
    assert (told["written"], told["replaced"], told["equal"]) == (1, 1, 2)
    there = machine.chroma()
    there.set_database("served")
    metadata = contents(there, "kinds")["all"][2]
    assert metadata["s"] == "changed"
    assert "i" not in metadata  # an upsert alone would have left it
    source.delete(ids=["new"])
    said = run(machine, *words, code=1).stderr
    assert "1 records that the source does not have; to delete them: --mirror" in said
    told = moved(machine, *words, "--mirror")["served/kinds"]
    assert (told["deleted"], told["equal"], told["records"]) == (1, 3, {"source": 3, "target": 3})


def test_a_store_is_named_by_its_url_and_key(machine: Machine, url: str, tmp_path: Path) -> None:
    store = machine.get()
    words = ("import", store["url"], "--from", url, "--collection", "many", "--as", "by-url")
    told = moved(machine, *words, "--key-file", store["readWriteKeyFile"])["by-url"]
    assert (told["written"], told["ok"]) == (2300, True)
    assert "it does not take the key" in run(machine, *words, code=1).stderr
    words = (*words[:-1], "another")
    read_only = run(machine, *words, "--key-file", store["readOnlyKeyFile"], code=1).stderr
    assert "the key may not do this" in read_only


def test_a_store_is_a_source_by_its_url_and_headers(machine: Machine, tmp_path: Path) -> None:
    machine.chroma().get_or_create_collection("own").upsert(ids=["a"], embeddings=[[1, 2, 3]])
    store, headers = machine.get(), tmp_path / "headers"
    headers.write_text(f"Authorization: Bearer {Path(store['readOnlyKeyFile']).read_text()}")
    words = ("import", "acme", "--from", store["url"], "--collection", "own", "--as", "copied")
    assert moved(machine, *words, "--from-headers-file", str(headers))["copied"]["written"] == 1
    run(machine, *words, "--from-key-file", store["readOnlyKeyFile"])


def test_what_does_not_answer_is_told(machine: Machine, url: str) -> None:
    away = run(machine, "import", "acme", "--from", "http://127.0.0.1:9", code=1).stderr
    assert "http://127.0.0.1:9 gives no answer" in away
    none = run(machine, "import", "acme", "--from", machine.get()["managementUrl"], code=1).stderr
    assert "Chroma" in none
    unknown = run(machine, "import", "acme", "--from", url, "--collection", "nope", code=1).stderr
    assert "--collection: " in unknown
    assert "has no 'nope'; there are: chosen, kinds, many, none" in unknown


def test_more_than_the_quota_takes_is_refused_before_anything_is_written(machine: Machine, url: str) -> None:
    from tests.support.machine import manifest

    machine.up(manifest("small", quota={"documents": 100}))
    said = run(machine, "import", "small", "--from", url, code=1).stderr
    assert "its quota is 100 documents, of which it has 0, and 2304 more are to come" in said
    assert "raise spec.quota.documents to 2304" in said
    assert machine.chroma("small").list_collections() == []


def test_a_collection_of_another_kind_is_not_written_to(machine: Machine, url: str) -> None:
    store = machine.chroma()
    store.get_or_create_collection("taken", configuration={"hnsw": {"space": "l2"}})
    store.get_or_create_collection("narrow", configuration={"hnsw": {"space": "cosine"}}).upsert(["a"], [[1, 2]])
    words = ("import", "acme", "--from", url, "--collection", "kinds", "--as")
    assert "it is there with the space l2, and the source's is cosine" in run(machine, *words, "taken", code=1).stderr
    assert "it is there with vectors of 2 numbers" in run(machine, *words, "narrow", code=1).stderr
