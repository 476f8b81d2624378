"""The store that all clients work on: small limits, so that they are met with few rows."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.integration.instance.conftest import Start, _sessions, start
from tests.support.instances import Running

__all__ = ["_sessions", "start"]

MOST_DOCUMENTS = 60
MOST_ROWS = 25


@pytest.fixture(scope="session")
def store(_sessions: Start, tmp_path_factory: pytest.TempPathFactory) -> Running:
    limits = tmp_path_factory.mktemp("limits") / "limits.json"
    limits.write_text(json.dumps({"max_documents": MOST_DOCUMENTS, "max_batch_rows": MOST_ROWS}))
    return _sessions(LIMITS_FILE=str(limits))


@pytest.fixture(autouse=True)
def _empty(store: Running) -> Iterator[None]:
    """Each client finds the store empty, the default database being all that it uses."""
    yield
    client = store.chroma()
    for collection in client.list_collections():
        client.delete_collection(collection.name)


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails whoever has the client embed: its default function would download a model."""
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    def embeds(*_: object) -> None:
        raise AssertionError("the client embeds by itself, and downloads a model for it")

    monkeypatch.setattr(ONNXMiniLM_L6_V2, "_download_model_if_not_exists", embeds)
