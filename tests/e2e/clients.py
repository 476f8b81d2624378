"""A store as its applications know it: the command line, and an unmodified client through what that opens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from tests.e2e.cluster import PATIENCE, Cluster, run
from tests.e2e.stores import Store

PLUGIN = (sys.executable, "-c", "from vectorstore_operator.cli.main import kubectl; kubectl()")


def vectorstore(cluster: Cluster, *words: str, timeout: float = 2 * PATIENCE) -> str:
    """What `kubectl vectorstore` prints."""
    return run(*PLUGIN, *words, "-n", cluster.namespace, timeout=timeout)


@contextmanager
def chroma(store: Store) -> Iterator[ClientAPI]:
    """An unmodified client of a store, for as long as it is wanted."""
    command = [*PLUGIN, "connect", store.name, "-n", store.cluster.namespace, "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(json.loads(process.stdout.readline())["url"].rpartition(":")[2])
            yield chromadb.HttpClient("127.0.0.1", port, headers={"x-chroma-token": store.key()})
        finally:
            process.terminate()  # SIGINT is ignored by whoever was started in the background


def rows(client: ClientAPI, name: str) -> dict[str, tuple[Any, ...]]:
    """A collection's rows by their ids: text, metadata, vector in float32."""
    got = client.get_collection(name).get(include=["documents", "metadatas", "embeddings"])
    documents, metadatas, embeddings = got["documents"], got["metadatas"], got["embeddings"]
    assert documents is not None
    assert metadatas is not None
    assert embeddings is not None
    vectors = (np.asarray(vector, np.float32).tobytes() for vector in embeddings)
    return dict(zip(got["ids"], zip(documents, metadatas, vectors, strict=True), strict=True))


def texts(client: ClientAPI, name: str) -> dict[str, str]:
    """A collection's texts by the ids of their rows."""
    got = client.get_collection(name).get(include=["documents"])
    assert got["documents"] is not None
    return dict(zip(got["ids"], got["documents"], strict=True))


def ids(client: ClientAPI) -> dict[str, str]:
    """The collections there are, each with its id."""
    return {collection.name: str(collection.id) for collection in client.list_collections()}
