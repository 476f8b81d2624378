"""Upserts on every server, in turn, and what they do to those who read: `python benchmarks/writing.py`.

Single rows by one client and by sixteen, then 100 and 1,000 rows at once: the same rows in each round, each
kind into a collection of its own, which its first write finds empty. Then 1,000-row upserts go on while one
client queries and one asks for `/healthz/` (of servers that have it). Loopback only, bounded in count.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import threading
import time
from collections.abc import Callable

import corpus
import numpy as np
from servers import CHROMA, KEY, OURS, PLAIN, Server

HEADERS = {"x-chroma-token": KEY, "content-type": "application/json"}
Figures = dict[str, float]


class Connection:
    """One client's kept connection."""

    def __init__(self, server: Server) -> None:
        self._name = server.name
        self._http = http.client.HTTPConnection("127.0.0.1", server.port)

    def ask(self, path: str, body: bytes | None = None) -> float:
        """Sends one request; seconds until its answer."""
        began = time.perf_counter()
        self._http.request("GET" if body is None else "POST", path, body, HEADERS)
        answer = self._http.getresponse()
        told = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{self._name}: {path}: {answer.status} {told[:300]!r}")
        return time.perf_counter() - began


def together(server: Server, path: str, bodies: list[list[bytes]]) -> float:
    """Each client sends its bodies one after another; seconds until all are done."""
    connections = [Connection(server) for _ in bodies]
    threads = [
        threading.Thread(target=lambda c=c, mine=mine: [c.ask(path, body) for body in mine])
        for c, mine in zip(connections, bodies, strict=True)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def writes(server: Server, rows: np.ndarray, turn: int) -> Figures:
    """Rows per second of each kind of upsert, into fresh collections."""
    lists = server.name == PLAIN
    taken = 0

    def bodies(count: int, size: int) -> list[bytes]:
        nonlocal taken
        made = [corpus.body(rows[taken + n * size :][:size], taken + n * size, lists=lists) for n in range(count)]
        taken += count * size
        return made

    figures = {}
    for name, clients, count, size in (
        ("1 row, 1 client", 1, 150, 1),
        ("1 row, 16 clients", 16, 20, 1),
        ("100 rows", 1, 10, 100),
        ("1,000 rows", 1, 3, 1000),
    ):
        asked = [bodies(count, size) for _ in range(clients)]
        path = corpus.collection(server, f"written-{turn}-{clients}-{size}") + "/upsert"
        figures[name] = clients * count * size / together(server, path, asked)
    return figures


def disturbed(server: Server, path: str, rows: np.ndarray, queries: list[bytes]) -> Figures:
    """The 99th percentile in ms of queries and of /healthz/ while 1,000-row upserts go on."""
    lists = server.name == PLAIN
    bodies = [corpus.body(rows[n * 1000 :][:1000], 100_000 + n * 1000, lists=lists) for n in range(6)]
    done = threading.Event()
    taken: dict[str, list[float]] = {"query": [], "healthz": []}

    def keep_asking(name: str, ask: Callable[[int], float]) -> None:
        turn = 0
        while not done.is_set():
            taken[name].append(ask(turn))
            turn += 1
            time.sleep(0.002)

    querying, probing = Connection(server), Connection(server)
    health = "/healthz/" if server.name == OURS else "/api/v2/heartbeat"
    threads = [
        threading.Thread(
            target=keep_asking, args=("query", lambda n: querying.ask(f"{path}/query", queries[n % len(queries)]))
        ),
        threading.Thread(target=keep_asking, args=("healthz", lambda _: probing.ask(health))),
    ]
    probing.ask(health)  # its first request loads the text routes
    for thread in threads:
        thread.start()
    together(server, f"{path}/upsert", [bodies])
    done.set()
    for thread in threads:
        thread.join()
    return {f"{name} p99 ms, meanwhile": float(np.percentile(times, 99)) * 1000 for name, times in taken.items()}


def main() -> None:
    """Prints medians, and the ratio of each server to `chroma run` in the same round."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--servers", nargs="+", default=[CHROMA, PLAIN, OURS])
    given = options.parse_args()
    rows, asked = corpus.vectors(10_000)
    queries = [json.dumps({"query_embeddings": [q.tolist()], "n_results": 10}).encode() for q in asked]
    servers = [Server(name) for name in given.servers]
    rounds: list[list[Figures]] = []
    try:
        for server in servers:
            server.start()
        for turn in range(given.rounds):
            figures = []
            for server in servers:
                path = corpus.load(server, rows[:5000], f"read-{turn}")
                figures.append(writes(server, rows, turn) | disturbed(server, path, rows, queries))
            rounds.append(figures)
    finally:
        for server in servers:
            server.stop()
            shutil.rmtree(server.folder)
    for what in rounds[0][0]:
        for n, server in enumerate(servers):
            ratios = [r[n][what] / r[0][what] for r in rounds]
            print(
                f"{what:26} {server.name:13} {statistics.median(r[n][what] for r in rounds):9.1f}  "
                f"ratio {statistics.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            )


if __name__ == "__main__":
    main()
