"""Queries per second against `chroma run`, the same data, in turn: `python benchmarks/serving.py`.

10,000 documents of about 200 characters with 384-dimensional vectors and three metadata keys; k=10,
everything a client includes by default; 256 different queries. The load is wrk's (Debian: wrk), which
takes little of the machine that it shares with the server. Loopback only, bounded in time.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from servers import DATABASE, KEY, Server

DIMENSION = 384
NAMES = ("chroma run", "vectorstore")

LUA = """
local bodies, n = {}, 0
for line in io.lines(os.getenv("QUERIES")) do bodies[#bodies + 1] = line end
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["x-chroma-token"] = os.getenv("KEY")
request = function() n = n % #bodies + 1; return wrk.format(nil, nil, nil, bodies[n]) end
"""


def corpus(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Clustered unit vectors: the documents' and 256 queries'."""
    generator = np.random.default_rng(7)
    centres = generator.normal(size=(64, DIMENSION))
    rows = centres[generator.integers(0, 64, count + 256)] + 0.4 * generator.normal(size=(count + 256, DIMENSION))
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit[:count], unit[count:]


def load(server: Server, vectors: np.ndarray) -> str:
    """Fills a collection and returns its path."""
    made = json.loads(server.ask(f"{DATABASE}/collections", b'{"name":"benchmark"}'))
    path = f"{DATABASE}/collections/{made['id']}"
    words = [f"word{n}" for n in range(500)]
    chooser = random.Random(3)
    for at in range(0, len(vectors), 500):
        part = vectors[at : at + 500]
        body = {
            "ids": [f"id{at + i}" for i in range(len(part))],
            "embeddings": [base64.b64encode(v.tobytes()).decode() for v in part],
            "documents": [" ".join(chooser.choices(words, k=28)) for _ in part],
            "metadatas": [{"k": (at + i) % 100, "source": f"file{i % 7}", "score": i / 500} for i in range(len(part))],
        }
        server.ask(f"{path}/upsert", json.dumps(body).encode())
    return path


def measure(server: Server, path: str, queries: Path, script: Path, clients: int, seconds: int) -> dict[str, float]:
    """One window of load: requests per second, the median latency in ms, errors."""
    url = f"http://127.0.0.1:{server.port}{path}/query"
    printed = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", str(script), url],
        env={**os.environ, "QUERIES": str(queries), "KEY": KEY},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(f"{server.name} failed under load:\n{printed}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    median = re.search(r"50%\s+([\d.]+)(us|ms|s)", printed)
    assert rate
    assert median
    return {"rps": float(rate[1]), "p50": float(median[1]) * {"us": 0.001, "ms": 1, "s": 1000}[median[2]]}


def main() -> None:
    """Prints medians and the ratio of each pair."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--documents", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    given = options.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    vectors, asked = corpus(given.documents)
    scratch = Path(tempfile.mkdtemp(prefix="vectorstore-benchmark-"))
    queries, script = scratch / "queries", scratch / "query.lua"
    include = ["metadatas", "documents", "distances"]
    bodies = [{"query_embeddings": [q.tolist()], "n_results": 10, "include": include} for q in asked]
    queries.write_text("\n".join(map(json.dumps, bodies)))
    script.write_text(LUA)
    servers = [Server(name) for name in NAMES]
    try:
        for server in servers:
            server.start()
        paths = [load(server, vectors) for server in servers]
        for clients in given.clients:
            rounds = [
                [measure(s, p, queries, script, clients, given.seconds) for s, p in zip(servers, paths, strict=True)]
                for _ in range(given.rounds)
            ]
            for name, figures in zip(NAMES, zip(*rounds, strict=True), strict=True):
                rate, median = (statistics.median(f[key] for f in figures) for key in ("rps", "p50"))
                print(f"{clients:3} clients  {name:12} {rate:8.0f} requests/s  p50 {median:7.2f} ms")
            ratios = [ours["rps"] / theirs["rps"] for theirs, ours in rounds]
            print(
                f"{clients:3} clients  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            )
    finally:
        for server in servers:
            server.stop()
            shutil.rmtree(server.folder)
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
