"""The page about clients tells the truth: its code runs as it stands and prints what it says."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
from tests.support.instances import Running
from tests.support.pages import ROOT, snippets

PAGE = "docs/clients.md"
PYTHON = {heading: snippet for heading, snippet in snippets(PAGE).items() if snippet.language == "python"}


def test_the_page_has_code_for_every_client() -> None:
    assert set(PYTHON) == {"Python", "Python, asynchronous", "LangChain", "LlamaIndex", "Haystack"}
    assert snippets(PAGE)["JavaScript"].language == "javascript"


@pytest.mark.parametrize("heading", PYTHON)
def test_code_prints_what_the_page_says(store: Running, heading: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = compile(PYTHON[heading].code, f"{PAGE}#{heading}", "exec")
    exec(code, {"HOST": "127.0.0.1", "PORT": store.port, "KEY": store.key()})
    assert capsys.readouterr().out == PYTHON[heading].prints


def test_the_page_names_the_versions_that_are_tested() -> None:
    page = (ROOT / PAGE).read_text()
    for package in ("langchain-chroma", "llama-index-vector-stores-chroma", "chroma-haystack", "chromadb"):
        told = re.search(rf"^\| \[{package}\].*?\| ([\d.]+) \|", page, re.M)
        assert told is not None, package
        assert told[1] == version(package), package
