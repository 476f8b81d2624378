"""Memory and start against `chroma run` on empty directories: `python benchmarks/footprint.py`.

PSS of all processes, asleep (after the start) and awake (after a first query), and the time from exec
to the first answered query, in turn.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time

from servers import DATABASE, Server

NAMES = ("chroma run", "vectorstore")


def once(name: str) -> dict[str, float]:
    """One start on an empty directory, with a collection of one row to be asked for, and one again on it."""
    server = Server(name)
    try:
        server.start()
        server.ask("/api/v2/heartbeat")
        time.sleep(0.5)  # memory settles; there is no event for it
        asleep = server.pss_mib()
        made = json.loads(server.ask(f"{DATABASE}/collections", b'{"name":"benchmark"}'))
        path = f"{DATABASE}/collections/{made['id']}"
        server.ask(f"{path}/upsert", b'{"ids":["a"],"embeddings":[[1,2,3]],"documents":["one"]}')
        query = b'{"query_embeddings":[[1,2,3]],"n_results":1}'
        server.ask(f"{path}/query", query)
        time.sleep(0.5)
        awake = server.pss_mib()
        server.stop()
        began = server.start()
        server.ask(f"{path}/query", query)
        return {"asleep MiB": asleep, "awake MiB": awake, "first answer s": time.perf_counter() - began}
    finally:
        server.stop()
        shutil.rmtree(server.folder)


def main() -> None:
    """Prints medians and the ratio of each pair."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    rounds = [[once(name) for name in NAMES] for _ in range(options.parse_args().rounds)]
    for figure in rounds[0][0]:
        theirs, ours = ([pair[i][figure] for pair in rounds] for i in (0, 1))
        ratio = statistics.median(b / a for a, b in zip(theirs, ours, strict=True))
        print(
            f"{figure:15} chroma run {statistics.median(theirs):8.2f}  "
            f"vectorstore {statistics.median(ours):8.2f}  ratio {ratio:.2f}"
        )


if __name__ == "__main__":
    main()
