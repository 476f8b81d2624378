"""Parquet and JSON lines: out and in again without a difference, and what is wrong in them told by line and field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.migrate.conftest import contents, moved, run
from tests.support.machine import Machine

FORMATS = ("parquet", "jsonl")


@pytest.fixture(scope="module", autouse=True)
def _filled(machine: Machine, folder: Path) -> None:
    run(machine, "import", "acme", "--from", str(folder))


@pytest.fixture(scope="module", params=FORMATS)
def exported(machine: Machine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """An export of everything."""
    path = tmp_path_factory.mktemp("exported") / "out"
    words = ("--database", "default_database", "--database", "second")
    told = moved(machine, "export", "acme", "--to", str(path), "--format", request.param, *words)
    sums = told["kinds"]["checksums"]
    assert sums["vectors"]["source"] == sums["vectors"]["target"]
    assert sums["contents"]["source"] == sums["contents"]["target"]
    return path


def test_what_went_out_comes_in_again(machine: Machine, exported: Path) -> None:
    kind = "jsonl" if list(exported.rglob("*.jsonl")) else "parquet"
    options = ("--collection", "many", "--collection", "kinds", "--collection", "none")
    told = moved(machine, "import", "acme", "--from", str(exported), "--to-database", f"from-{kind}", *options)
    assert told[f"from-{kind}/many"]["written"] == 2300
    there, original = machine.chroma(), machine.chroma()
    there.set_database(f"from-{kind}")
    assert contents(there, "many") == contents(original, "many")
    for name in ("kinds", "none"):
        one, other = there.get_collection(name), original.get_collection(name)
        assert (one.metadata, one.configuration_json) == (other.metadata, other.configuration_json)
    assert contents(there, "kinds")["all"][1:] == contents(original, "kinds")["all"][1:]


def test_a_file_that_was_changed_since_is_found_out(machine: Machine, exported: Path, tmp_path: Path) -> None:
    if not list(exported.rglob("*.jsonl")):
        pytest.skip("a Parquet file is not edited by hand")
    for name in ("kinds.jsonl", "kinds.collection.json"):
        text = (exported / "default_database" / name).read_text()
        (tmp_path / name).write_text(text.replace("zw\u00f6lf", "elf"))
    said = run(machine, "import", "acme", "--from", str(tmp_path), "--to-database", "changed", code=1).stderr
    assert "the file's checksums are not those of its export" in said
    lines = (exported / "default_database" / "kinds.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "kinds.jsonl").write_text("".join(lines[:2]))
    said = run(machine, "import", "acme", "--from", str(tmp_path), "--to-database", "changed", code=1).stderr
    assert "2 records, and there were 3 when it was exported" in said


def test_a_parquet_file_that_was_cut_off_is_found_out(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes(b"PAR1" + bytes(100))
    said = run(machine, "import", "acme", "--from", str(tmp_path), "--space", "l2", code=1).stderr
    assert "no Parquet, or cut off" in said
    (tmp_path / "cut.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    said = run(machine, "import", "acme", "--from", str(tmp_path), "--space", "l2", code=1).stderr
    assert "cut.parquet: it cannot be read as Parquet" in said


def test_a_file_of_others_needs_a_word_on_its_space(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "notes-of-ann.jsonl"
    rows = [{"id": "a", "embedding": [1, 0.5]}, {"id": "b", "embedding": [0.1, 2], "metadata": {"k": None, "n": 1}}]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    words = ("import", "acme", "--from", str(file))
    assert "say it: --space cosine, l2 or ip" in run(machine, *words, code=1).stderr
    assert moved(machine, *words, "--space", "ip")["notes-of-ann"]["written"] == 2
    collection = machine.chroma().get_collection("notes-of-ann")
    assert collection.configuration_json["hnsw"]["space"] == "ip"
    assert collection.get("b")["metadatas"] == [{"n": 1}]
    assert moved(machine, *words)["notes-of-ann"]["equal"] == 2  # the collection that is there knows its space


def test_a_wrong_record_is_named(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "wrong.jsonl").write_text('{"id": "a", "embedding": [1, 2]}\n{"id": "", "embedding": [1, 2]}\n')
    words = ("import", "acme", "--from", str(tmp_path), "--space", "l2")
    said = run(machine, *words, code=1).stderr
    assert "wrong: records 'a' to '': acme: ids: the one at position 1 is empty" in said
    (tmp_path / "wrong.jsonl").write_text('{"id": "a", "embedding": [1, 2]}\n{"id": "b", "embedding": [1, 1e39]}\n')
    assert "wrong: record 'b': its vector has a number that no float32 is" in run(machine, *words, code=1).stderr
