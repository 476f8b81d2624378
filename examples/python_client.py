"""Chroma's own client on a store: vectors of one's own, filters, and the texts that the store embedded.

    vectorstore up -f examples/store.yaml
    python examples/python_client.py [NAME]

Needs chromadb (or the smaller chromadb-client).
"""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import chromadb


def connect(name: str) -> chromadb.ClientAPI:
    """A client of the store, with its read-write key."""
    shown = subprocess.run(["vectorstore", "get", name, "-o", "json"], stdout=subprocess.PIPE, check=True)
    store = json.loads(shown.stdout)
    url = urlsplit(store["url"])
    key = Path(store["readWriteKeyFile"]).read_text().strip()
    return chromadb.HttpClient(url.hostname or "", url.port or 8000, headers={"x-chroma-token": key})


def main(name: str) -> None:
    client = connect(name)
    colours = client.get_or_create_collection("colours", metadata={"hnsw:space": "cosine"})
    colours.upsert(
        ids=["red", "green", "blue"],
        embeddings=[[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        documents=["Red is the colour of fire.", "Green is the colour of grass.", "Blue is the colour of the sky."],
        metadatas=[{"warm": True}, {"warm": False}, {"warm": False}],
    )
    found = colours.query(query_embeddings=[[0.9, 0.8, 0.1]], n_results=1)
    print("nearest to yellow:", found["documents"][0][0])
    found = colours.query(query_embeddings=[[0.9, 0.8, 0.1]], n_results=1, where={"warm": False})
    print("among the cold ones:", found["documents"][0][0])
    for collection in client.list_collections():
        print(f"{collection.name}: {collection.count()} documents")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["acme"])
