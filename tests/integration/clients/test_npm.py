"""The npm package chromadb on a store. Needs node; skipped by name without it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.integration.clients.conftest import MOST_ROWS
from tests.support.instances import Running
from tests.support.node import packages, run
from tests.support.pages import ROOT, snippets

PROJECT = Path(__file__).parent / "npm"
PAGE = "docs/clients.md"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own, with chromadb installed."""
    folder = tmp_path_factory.mktemp("npm")
    (folder / "node_modules").symlink_to(packages(PROJECT) / "node_modules")
    shutil.copy(PROJECT / "package.json", folder)
    return folder


def execute(store: Running, scratch: Path, program: str) -> str:
    (scratch / "program.js").write_text(program)
    environ = {
        "HOST": "127.0.0.1",
        "PORT": str(store.port),
        "KEY": store.key(),
        "READ_ONLY_KEY": store.key("read-only"),
    }
    done = run("node", "program.js", cwd=scratch, **environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_code_prints_what_the_page_says(store: Running, scratch: Path) -> None:
    snippet = snippets(PAGE)["JavaScript"]
    assert execute(store, scratch, snippet.code) == snippet.prints


def test_a_round_of_work(store: Running, scratch: Path) -> None:
    told = json.loads(execute(store, scratch, (PROJECT / "round.js").read_text()))
    refused = told.pop("refused")
    gone = told.pop("gone")
    assert told == {
        "batch": MOST_ROWS,
        "base64": True,
        "count": 3,
        "page": {
            "ids": ["b", "c"],
            "documents": ["two green pears", "three red plums"],
            "embeddings": [[0, 1, 0], [0, 0, 1]],
            "metadatas": [{"n": 2, "tags": ["green"]}, {"n": 3, "tags": ["red", "ripe"]}],
        },
        "peek": ["a"],
        "found": {"ids": [["a"], ["c"]], "documents": [["one red apple"], ["three red plums"]]},
        "filtered": [["b", "c"], ["a", "c"], ["b"], ["b"]],
        "left": ["no apple", "c!"],
        "renamed": True,
        "listed": ["renamed"],
        "collections": 1,
    }
    assert refused["unknown"].startswith("ChromaUnauthorizedError")
    assert refused["reader"].startswith("ChromaForbiddenError")
    assert refused["missing"].startswith("ChromaNotFoundError")
    assert refused["taken"].startswith("ChromaUniqueError")
    assert "ChromaClientError" in refused["dimension"]
    assert "expecting embedding with dimension of 3, got 1" in refused["dimension"]
    assert "25" in refused["batch"]
    assert gone.startswith("ChromaNotFoundError")


def test_the_page_names_the_version_that_is_tested_and_the_lock_names_no_host() -> None:
    (pinned,) = json.loads((PROJECT / "package.json").read_text())["dependencies"].values()
    assert f"| {pinned}, Node 20 |" in (ROOT / PAGE).read_text()
    lock = (PROJECT / "package-lock.json").read_text()
    assert "http" not in lock
    assert all(each.get("integrity") for name, each in json.loads(lock)["packages"].items() if name)
