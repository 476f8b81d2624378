"""Embedding against bare onnxruntime, and text search end to end against the embedder alone:
`python benchmarks/embedding.py`.

The peer is onnxruntime on the same graph with the same tokenizer in a plain loop, for lists of documents
on one thread for each core that may embed. Text search is held against the embedder alone on one core,
with as many callers: the way through the front and the engine needs some of another. Questions have
about 20 tokens, documents about 120; the store that is asked holds 10,000 documents. Interleaved rounds,
medians; the load is wrk's. Loopback only, bounded in time. CPU is that of all the threads, or of all the
server's processes, for one text: where other work shares the machine, it says more than the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import corpus
import numpy as np
from servers import KEY, Server
from serving import LUA

from vectorstore_instance.embed import weights
from vectorstore_instance.embed.cpus import threads
from vectorstore_instance.embed.onnx import MiniLM
from vectorstore_instance.embed.session import prepare
from vectorstore_instance.settings import Precision

WORDS = ["river", "stone", "market", "winter", "letter", "garden", "engine", "window", "harbour", "green", "broken"]


def texts(count: int, words: int) -> list[str]:
    """Different texts of so many words."""
    chooser = random.Random(words)
    return [" ".join(chooser.choices(WORDS, k=words)) + f" {n}?" for n in range(count)]


class Bare:
    """onnxruntime and tokenizers, and nothing around them."""

    def __init__(self, folder: Path, precision: Precision, workers: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / weights.TOKENIZER))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        graph = folder / weights.GRAPHS[precision]
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._pool = ThreadPoolExecutor(workers)

    def one(self, text: str) -> np.ndarray:
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        vector: np.ndarray = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
        return vector

    def many(self, some: list[str]) -> None:
        list(self._pool.map(self.one, some))


class Figure(NamedTuple):
    """What was measured in one window."""

    rate: float
    """Texts per second."""
    cpu: float
    """Milliseconds of CPU per text."""


Pair = Callable[[], tuple[Figure, Figure]]
"""Measures the peer, then ours."""


def measure(work: Callable[[], int], seconds: float) -> Figure:
    """Calls a function, which returns how many texts it did, for so long."""
    began, cpu = time.perf_counter(), time.process_time()
    done = 0
    while (passed := time.perf_counter() - began) < seconds:
        done += work()
    return Figure(done / passed, 1000 * (time.process_time() - cpu) / done)


def embedders(folder: Path, precision: Precision, workers: int, seconds: float) -> dict[str, Pair]:
    """Each figure as a function that measures the peer, then ours."""
    bare, single = Bare(folder, precision, workers), Bare(folder, precision, 1)
    loop = asyncio.new_event_loop()
    ours = MiniLM(folder, precision, workers=workers)
    questions, documents = texts(32, 18), texts(64, 110)

    def embed(some: list[str]) -> int:
        return len(loop.run_until_complete(ours.embed(some)))

    async def one_by_one() -> int:
        for text in questions:
            await ours.embed([text])
        return len(questions)

    def listed(many: Callable[[list[str]], object]) -> Callable[[], int]:
        return lambda: (many(documents), len(documents))[1]

    return {
        "questions, one by one": lambda: (
            measure(lambda: len([single.one(text) for text in questions]), seconds),
            measure(lambda: loop.run_until_complete(one_by_one()), seconds),
        ),
        "documents, 64 at a time": lambda: (measure(listed(bare.many), seconds), measure(listed(embed), seconds)),
    }


def search(server: Server, folder: Path, clients: int, seconds: float) -> Figure:
    """Answers of `/search/`."""
    (folder / "query.lua").write_text(LUA)
    bodies = [json.dumps({"query": text, "n_results": 5}) for text in texts(256, 18)]
    (folder / "queries").write_text("\n".join(bodies))
    url = f"http://127.0.0.1:{server.port}/search/"
    cpu = cpu_seconds(server)
    printed = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "-s", str(folder / "query.lua"), url],
        env={**os.environ, "QUERIES": str(folder / "queries"), "KEY": KEY},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise RuntimeError(f"the server failed under load:\n{printed}")
    count, rate = re.search(r"(\d+) requests in", printed), re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert count
    assert rate
    return Figure(float(rate[1]), 1000 * (cpu_seconds(server) - cpu) / int(count[1]))


def cpu_seconds(server: Server) -> float:
    """CPU that the server's processes have used."""
    ticks = 0
    for pid in server.pids():
        _, _, after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        ticks += sum(map(int, after.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def searches(server: Server, folder: Path, model: Path, precision: Precision, seconds: float) -> dict[str, Pair]:
    """As `embedders`: the embedder alone, with so many callers, and then the whole way."""
    loop = asyncio.new_event_loop()
    alone = MiniLM(model, precision, workers=1)
    questions = texts(256, 18)

    def embed(clients: int) -> int:
        async def all_clients() -> None:
            async def client(first: int) -> None:
                for at in range(first, len(questions), clients):
                    await alone.embed([questions[at]])

            await asyncio.gather(*(client(first) for first in range(clients)))

        loop.run_until_complete(all_clients())
        return len(questions)

    def pair(clients: int) -> Pair:
        return lambda: (measure(lambda: embed(clients), seconds), search(server, folder, clients, seconds))

    return {f"/search/, {clients} clients": pair(clients) for clients in (1, 4, 16)}


def report(name: str, rounds: list[tuple[Figure, Figure]]) -> None:
    """Prints medians of the rounds and of their ratios; a ratio of CPU above 1 is less CPU than the peer's."""
    for figure in Figure._fields:
        pairs = [(getattr(a, figure), getattr(b, figure)) for a, b in rounds]
        theirs, ours = (statistics.median(some) for some in zip(*pairs, strict=True))
        ratios = [b / a if figure == "rate" else a / b for a, b in pairs]
        unit = "/s    " if figure == "rate" else "ms CPU"
        print(
            f"{name:30} {unit} bare {theirs:7.2f}  vectorstore {ours:7.2f}  "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def main() -> None:
    """Prints medians and the ratio of each pair."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--workers", type=int, default=threads(), help="cores that may embed")
    options.add_argument("--precision", nargs="+", default=["fp32", "int8"])
    given = options.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    model = weights.default_folder()
    scratch = Path(tempfile.mkdtemp(prefix="vectorstore-benchmark-"))
    for precision in given.precision:
        prepare(weights.MINILM, model, precision)
        server = Server("vectorstore", {"PRECISION": precision, "MODEL_DIR": str(model)})
        try:
            server.start()
            corpus.load(server, corpus.vectors(10_000)[0], "documents")
            server.ask("/search/", b'{"query": "loads the model"}')
            pairs = embedders(model, precision, given.workers, given.seconds)
            pairs |= searches(server, scratch, model, precision, given.seconds)
            for pair in pairs.values():
                pair()  # loads what is loaded at first use
            rounds = [{name: pair() for name, pair in pairs.items()} for _ in range(given.rounds)]
            for name in pairs:
                report(f"{precision} {name}", [figures[name] for figures in rounds])
        finally:
            server.stop()
            shutil.rmtree(server.folder)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
