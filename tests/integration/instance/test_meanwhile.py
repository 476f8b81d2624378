"""Who asks while collections get their first rows, go, or everything is deleted, is answered as before or after it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.instances import Running

from vectorstore_instance.engine.rhythm import OURS

DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
ROWS = {"ids": ["a", "b"], "embeddings": [[1, 2, 3], [3, 2, 1]]}
QUERY = {"query_embeddings": [[1, 2, 3]]}
OFTEN = 20


@dataclass
class Asked:
    """What is asked for again and again, and how it was answered."""

    path: str = f"{DATABASE}/collections/00000000-0000-0000-0000-000000000000"
    answers: Counter[tuple[int, str]] = field(default_factory=Counter)

    def unhelpful(self) -> list[tuple[int, str]]:
        assert self.answers
        return [(status, text) for status, text in self.answers if status not in (200, 404)]


@contextmanager
def asking(running: Running, *more: tuple[str, str, object]) -> Iterator[Asked]:
    """Asks for the collection and more all the while."""
    asked, done = Asked(), threading.Event()

    def ask() -> None:
        with running.http("read-only") as http:
            while not done.is_set():
                path = asked.path
                for method, url, body in (("POST", f"{path}/query", QUERY), ("POST", f"{path}/get", {}), *more):
                    answer = http.request(method, url, json=body)
                    asked.answers[answer.status_code, "" if answer.is_success else answer.text] += 1

    with ThreadPoolExecutor() as pool:
        askers = [pool.submit(ask) for _ in range(3)]
        try:
            yield asked
        finally:
            done.set()
        for asker in askers:
            asker.result()


def test_a_collection_that_gets_its_first_rows_or_is_dropped(vectors_only: Running) -> None:
    with vectors_only.http() as http, asking(vectors_only) as asked:
        for _ in range(OFTEN):
            made = http.post(f"{DATABASE}/collections", json={"name": "short-lived"})
            asked.path = f"{DATABASE}/collections/{made.json()['id']}"
            assert http.post(f"{asked.path}/add", json=ROWS).status_code == 201
            assert http.delete(f"{DATABASE}/collections/short-lived").status_code == 200
    assert not asked.unhelpful()


def test_everything_is_deleted(start: Callable[..., Running]) -> None:
    running = start(ALLOW_RESET="true", MODEL_NAME="none", DIMENSION="3")
    by_name = ("POST", "/collections/notes/get", {"limit": 1})
    with running.http() as http, asking(running, ("GET", "/stats", None), by_name) as asked:
        for _ in range(OFTEN // 4):
            made = http.post(f"{DATABASE}/collections", json={"name": "notes"})
            asked.path = f"{DATABASE}/collections/{made.json()['id']}"
            assert http.post(f"{asked.path}/add", json=ROWS).status_code == 201
            assert http.post("/api/v2/reset").status_code == 200
    assert not asked.unhelpful()


def test_collections_that_are_renamed_while_others_get_their_first_rows(vectors_only: Running) -> None:
    def make(name: str) -> str:
        made = http.post(f"{DATABASE}/collections", json={"name": name}).json()
        return f"{DATABASE}/collections/{made['id']}"

    def rename(path: str) -> list[int]:
        return [http.put(path, json={"new_name": f"{path[-36:]}-{n}"}).status_code for n in range(5)]

    with vectors_only.http() as http, ThreadPoolExecutor(OFTEN) as pool:
        renamed, begun = ([make(f"{what}-{n}") for n in range(OFTEN // 2)] for what in ("renamed", "begun"))
        adding = [pool.submit(http.post, f"{path}/add", json=ROWS) for path in begun]
        assert list(pool.map(rename, renamed)) == [[200] * 5] * len(renamed)
        assert {added.result().status_code for added in adding} == {201}
        now = {one["id"]: one["configuration_json"]["hnsw"] for one in http.get(f"{DATABASE}/collections").json()}
        assert {now[path[-36:]]["sync_threshold"] for path in begun} == {OURS}
