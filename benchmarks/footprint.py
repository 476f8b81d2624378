"""Memory, start and waking against `chroma run`: `python benchmarks/footprint.py`.

PSS of all processes, asleep (after the start) and awake (after a first query), the time from exec to the
first answered query, and what a first query takes of a server that has started and not been asked yet: of
ours, the engine is asleep then. On empty folders, or with `--documents`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time

import corpus
from servers import CHROMA, LEAN, OURS, Server

NAMES = (CHROMA, LEAN, OURS)


class Peer:
    """One server with its data, started and stopped again and again."""

    def __init__(self, name: str, documents: int) -> None:
        self.server = Server(name)
        rows, asked = corpus.vectors(max(documents, 1))
        self._query = json.dumps({"query_embeddings": [asked[0].tolist()], "n_results": 1}).encode()
        self.server.start()
        self._path = corpus.load(self.server, rows)
        self.server.stop()

    def once(self) -> dict[str, float]:
        """A start and a first query at once; then one with a rest between, and what is resident."""
        began = self.server.start()
        self._ask()
        first = time.perf_counter() - began
        self.server.stop()
        self.server.start()
        self.server.ask("/api/v2/heartbeat")
        time.sleep(1)  # memory settles; there is no event for it
        asleep = self.server.pss_mib()
        began = time.perf_counter()
        self._ask()
        woken = time.perf_counter() - began
        time.sleep(1)
        awake = self.server.pss_mib()
        self.server.stop()
        return {"asleep MiB": asleep, "awake MiB": awake, "first answer s": first, "waking s": woken}

    def _ask(self) -> None:
        self.server.ask(f"{self._path}/query", self._query)


def main() -> None:
    """Prints medians and the ratio of each server to `chroma run` in the same round."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--documents", type=int, default=1)
    given = options.parse_args()
    peers = [Peer(name, given.documents) for name in NAMES]
    try:
        rounds = [[peer.once() for peer in peers] for _ in range(given.rounds)]
    finally:
        for peer in peers:
            peer.server.stop()
            shutil.rmtree(peer.server.folder)
    for figure in rounds[0][0]:
        for n, name in enumerate(NAMES):
            ratios = [r[n][figure] / r[0][figure] for r in rounds]
            median = statistics.median(r[n][figure] for r in rounds)
            print(f"{figure:15} {name:12} {median:8.3f}  ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
