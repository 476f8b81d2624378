"""Queries per second, the same data on every server, in turn: `python benchmarks/serving.py`.

k=10 and everything a client includes by default; 256 different queries. The load is wrk's (Debian: wrk),
which takes little of the machine that it shares with the server, or `chromadb.HttpClient` in threads with
`--through-client`. Loopback only, bounded in time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import chromadb
import corpus
import numpy as np
from servers import CHROMA, KEY, OURS, PLAIN, Server

INCLUDE = ["metadatas", "documents", "distances"]
Figures = dict[str, float]

LUA = """
local bodies, n = {}, 0
for line in io.lines(os.getenv("QUERIES")) do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["x-chroma-token"] = os.getenv("KEY")
request = function() n = n % #bodies + 1; return wrk.format(nil, nil, nil, bodies[n]) end
"""


class Wrk:
    """Load by wrk: the server's side of the matter."""

    def __init__(self, scratch: Path, queries: list[dict[str, Any]]) -> None:
        if shutil.which("wrk") is None:
            sys.exit("wrk is not installed: apt-get install wrk")
        self._queries, self._script = scratch / "queries", scratch / "query.lua"
        self._queries.write_text("\n".join(map(json.dumps, queries)))
        self._script.write_text(LUA)

    def measure(self, server: Server, path: str, clients: int, seconds: int) -> Figures:
        """One window: requests per second, median and 99th percentile of the latency in ms."""
        url = f"http://127.0.0.1:{server.port}{path}/query"
        printed = subprocess.run(
            ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", str(self._script), url],
            env={**os.environ, "QUERIES": str(self._queries), "KEY": KEY},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if "Non-2xx" in printed or "Socket errors" in printed:
            raise RuntimeError(f"{server.name} failed under load:\n{printed}")
        rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
        assert rate
        return {"rps": float(rate[1]), "p50": _latency(printed, "50%"), "p99": _latency(printed, "99%")}


def _latency(printed: str, which: str) -> float:
    found = re.search(rf"\s{which}\s+([\d.]+)(us|ms|s)", printed)
    assert found
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]]


class Client:
    """Load by Chroma's own client: what an application sees, the client's own work included."""

    def __init__(self, queries: list[dict[str, Any]]) -> None:
        self._queries = queries

    def measure(self, server: Server, path: str, clients: int, seconds: int) -> Figures:
        """One window: requests per second, median and 99th percentile of the latency in ms."""
        name = "benchmark"
        chroma = chromadb.HttpClient("127.0.0.1", server.port, headers={"x-chroma-token": KEY})
        collection = chroma.get_collection(name)
        taken: list[float] = []
        end = time.perf_counter() + seconds

        def ask(first: int) -> None:
            turn = first
            while (began := time.perf_counter()) < end:
                query = self._queries[turn % len(self._queries)]
                collection.query(**query)
                taken.append(time.perf_counter() - began)
                turn += 1

        threads = [threading.Thread(target=ask, args=(n * 17,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        p50, p99 = np.percentile(taken, [50, 99]) * 1000
        return {"rps": len(taken) / seconds, "p50": float(p50), "p99": float(p99)}


def main() -> None:
    """Prints medians, and the ratio of each server to `chroma run` in the same round."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--documents", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    options.add_argument("--where", type=json.loads, help='such as {"k": 5}, which one document in a hundred has')
    options.add_argument("--servers", nargs="+", default=[CHROMA, PLAIN, OURS])
    options.add_argument("--through-client", action="store_true")
    given = options.parse_args()
    rows, asked = corpus.vectors(given.documents)
    queries = [{"query_embeddings": [q.tolist()], "n_results": 10, "include": INCLUDE} for q in asked]
    if given.where:
        queries = [query | {"where": given.where} for query in queries]
    scratch = Path(tempfile.mkdtemp(prefix="vectorstore-benchmark-"))
    load = Client(queries) if given.through_client else Wrk(scratch, queries)
    servers = [Server(name) for name in given.servers]
    try:
        for server in servers:
            server.start()
        paths = [corpus.load(server, rows) for server in servers]
        for clients in given.clients:
            rounds = [
                [load.measure(s, p, clients, given.seconds) for s, p in zip(servers, paths, strict=True)]
                for _ in range(given.rounds)
            ]
            report(clients, servers, rounds)
    finally:
        for server in servers:
            server.stop()
            shutil.rmtree(server.folder)
        shutil.rmtree(scratch)


def report(clients: int, servers: list[Server], rounds: list[list[Figures]]) -> None:
    """Prints one line per server: medians over the rounds, and ratios to the first server."""
    for n, server in enumerate(servers):
        mine = {key: statistics.median(r[n][key] for r in rounds) for key in rounds[0][n]}
        ratios = [r[n]["rps"] / r[0]["rps"] for r in rounds]
        tail = statistics.median(r[n]["p99"] / r[0]["p99"] for r in rounds)
        print(
            f"{clients:3} clients  {server.name:13} {mine['rps']:7.0f} requests/s  p50 {mine['p50']:7.2f} ms  "
            f"p99 {mine['p99']:7.2f} ms  PSS {server.pss_mib():4.0f} MiB  ratio {statistics.median(ratios):5.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})  p99 ratio {tail:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
