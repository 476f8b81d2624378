"""Whatever is killed whenever: every acknowledged write is there, and every answer is right.

Three writers and a small sync_threshold, so that index files are being rewritten most of the time; the
front, the engine or both are killed at random moments. A few rounds here, SOAK_KILLS of them in full.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable

import chromadb
import httpx
from tests.support.instances import Running, wait_until

Start = Callable[..., Running]
ROUNDS = int(os.environ.get("SOAK_KILLS", "4"))
ROWS = 150


class Writer(threading.Thread):
    """Upserts and deletes rows of its own; remembers what was acknowledged, and what is not known."""

    def __init__(self, running: Running, number: int, seed: int) -> None:
        super().__init__()
        self.running, self.number = running, number
        self.random = random.Random(seed)
        self.halt = threading.Event()
        self.acknowledged: dict[str, list[float] | None] = {}
        self.unknown: set[str] = set()
        self.writes = 0

    def run(self) -> None:
        while not self.halt.is_set():
            try:
                collection = self.running.chroma().get_collection("kills", embedding_function=None)
                while not self.halt.is_set():
                    self.write(collection)
            except Exception:  # a client says it in many ways that nobody answers
                time.sleep(0.05)  # the instance is away; it will be back

    def write(self, collection: chromadb.Collection) -> None:
        ids = [f"w{self.number}-{n}" for n in self.random.sample(range(ROWS), self.random.choice((1, 3, 30)))]
        gone = self.random.random() < 0.2
        vectors = [[self.random.uniform(-1, 1) for _ in range(8)] for _ in ids]
        self.unknown.update(ids)
        if gone:
            collection.delete(ids=ids)
        else:
            collection.upsert(ids=ids, embeddings=vectors, documents=[str(v) for v in vectors])
        self.writes += 1
        self.unknown.difference_update(ids)
        self.acknowledged.update(zip(ids, [None] * len(ids) if gone else vectors, strict=True))


def test_what_was_acknowledged_survives_kills_at_random_moments(start: Start) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    running = start(MODEL_NAME="none", DIMENSION="8")
    running.chroma().create_collection(
        "kills", configuration={"hnsw": {"sync_threshold": 10, "space": "l2"}}, embedding_function=None
    )
    known: dict[str, list[float] | None] = {}
    for round_ in range(ROUNDS):
        writers = [Writer(running, n, seed + 10 * round_ + n) for n in range(3)]
        for writer in writers:
            writer.acknowledged = {i: v for i, v in known.items() if i.startswith(f"w{writer.number}-")}
            writer.start()
        wait_until(lambda: all(writer.writes for writer in writers))  # noqa: B023
        time.sleep(chance.uniform(0, 1))
        victim = chance.choice(("engine", "front"))
        if victim == "engine" and running.engine_pids():
            running.kill_engine()
            time.sleep(chance.uniform(0, 0.5))
        if victim == "front":
            running.end(signal.SIGKILL)
        for writer in writers:
            writer.halt.set()
            writer.join()
        if victim == "front":
            running.restart()
        collection = running.chroma().get_collection("kills", embedding_function=None)
        for writer in writers:
            verify(collection, writer)
            known.update(writer.acknowledged)
            for id_ in writer.unknown:
                known.pop(id_, None)
        total = collection.count()
        headers = {"authorization": f"Bearer {running.key('admin')}"}
        assert httpx.get(f"{running.management_url}/admin/usage", headers=headers).json()["documents"] == total


def verify(collection: chromadb.Collection, writer: Writer) -> None:
    """Holds what the store says against what it acknowledged; rows of unknown outcome may be either way."""
    sure = {i: v for i, v in writer.acknowledged.items() if i not in writer.unknown}
    there = collection.get(ids=list(sure), include=["documents"])
    documents = dict(zip(there["ids"], there["documents"] or [], strict=True))
    expected = {i: str(v) for i, v in sure.items() if v is not None}
    assert documents == expected
    if expected:
        asked = list(expected)
        found = collection.query(query_embeddings=[sure[i] for i in asked], n_results=1, include=["distances"])  # type: ignore[arg-type,misc]
        wrong = [i for i, ids in zip(asked, found["ids"], strict=True) if ids != [i]]
        # HNSW loses sight of a row in a thousand that is overwritten again and again, Chroma's own server
        # without any kill too; a torn index that still opens answers one in twelve wrongly.
        assert len(wrong) <= 1 + len(asked) // 50, wrong
