"""The server one writes in an afternoon: FastAPI around `chromadb.PersistentClient`, as a peer to compare with.

It speaks the three routes of Chroma's API that the benchmarks use. `python plain_server.py FOLDER PORT`
"""

from __future__ import annotations

import sys
from typing import Any

import chromadb
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"


class New(BaseModel):
    """A collection to make."""

    name: str


class Rows(BaseModel):
    """Rows to write; vectors as lists of numbers."""

    ids: list[str]
    embeddings: list[list[float]]
    documents: list[str] | None = None
    metadatas: list[dict[str, Any]] | None = None


class Query(BaseModel):
    """A question."""

    query_embeddings: list[list[float]]
    n_results: int = 10
    where: dict[str, Any] | None = None
    include: list[str] = ["documents", "metadatas", "distances"]


def create(folder: str) -> FastAPI:
    """The application on one folder."""
    client = chromadb.PersistentClient(folder)
    app = FastAPI()

    @app.get("/api/v2/heartbeat")
    def heartbeat() -> int:
        return 1

    @app.post(f"{DATABASE}/collections")
    def make(body: New) -> dict[str, str]:
        return {"id": client.create_collection(body.name).name}

    @app.post(DATABASE + "/collections/{name}/upsert")
    def upsert(name: str, body: Rows) -> dict[str, str]:
        client.get_collection(name).upsert(body.ids, body.embeddings, body.metadatas, body.documents)
        return {}

    @app.post(DATABASE + "/collections/{name}/query")
    def query(name: str, body: Query) -> dict[str, Any]:
        found = client.get_collection(name).query(
            query_embeddings=body.query_embeddings, n_results=body.n_results, where=body.where, include=body.include
        )
        return {key: value for key, value in found.items() if value is not None}

    return app


if __name__ == "__main__":
    uvicorn.run(create(sys.argv[1]), port=int(sys.argv[2]), log_level="error")
