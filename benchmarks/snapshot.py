"""Snapshots, drills and restores of whole stores: `python benchmarks/snapshot.py [--rows 10000 100000]`.

For each size a store is filled, then a client writes single rows and another queries, one after the other without a
pause: first alone, then through snapshots. The last archive is drilled, and restored into a new store that waits
for it. `--folder` keeps the filled stores and finds them again. Loopback only, bounded in count.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import corpus
from servers import DATABASE, OURS, Server, free_port

from vectorstore_instance.archive import Archive

SNAPSHOTS = 3
ALONE_SECONDS = 5.0


class Store(Server):
    """One of our instances whose admin surface can be asked."""

    def __init__(self, data: Path | None = None, **environ: str) -> None:
        self.management = free_port()
        super().__init__(OURS, {"MODEL_NAME": "none", "MANAGEMENT_PORT": str(self.management), **environ})
        (self.folder / "keys").mkdir()
        (self.folder / "keys" / "admin").write_text("an-admin-key-for-this-benchmark")
        if data is not None:
            shutil.copytree(data, self.folder / "data")

    def admin(self, path: str, body: bytes | None = None) -> bytes:
        """One request to the management port, and its whole answer."""
        headers = {"authorization": "Bearer an-admin-key-for-this-benchmark"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.management}{path}", body, headers)
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())

    def await_start(self) -> None:
        """Returns when it has started."""
        while True:
            try:
                self.admin("/startupz")
                return
            except OSError:
                time.sleep(0.01)


class Client(threading.Thread):
    """Asks the same thing again and again, and takes the times."""

    def __init__(self, ask: Callable[[int], object]) -> None:
        super().__init__(daemon=True)
        self._ask = ask
        self._halt = threading.Event()
        self.times: list[float] = []

    def run(self) -> None:
        while not self._halt.is_set():
            began = time.perf_counter()
            self._ask(len(self.times))
            self.times.append(time.perf_counter() - began)

    def end(self) -> str:
        """Ends it; the median and the longest, in milliseconds."""
        self._halt.set()
        self.join()
        return f"{1000 * statistics.median(self.times):.1f} / {1000 * max(self.times):.0f}"


def filled(rows: int, folder: Path) -> Path:
    """The data of a store with so many rows, made once."""
    data = folder / f"{rows}"
    if not data.exists():
        store = Store(MAX_DOCS="1000000")
        store.start()
        corpus.load(store, corpus.vectors(rows)[0])
        store.stop()
        shutil.copytree(store.folder / "data", data)
        shutil.rmtree(store.folder)
    return data


def clients(store: Store) -> tuple[Client, Client]:
    """One who writes single rows and one who queries."""
    path = f"{DATABASE}/collections/{json.loads(store.ask(f'{DATABASE}/collections/benchmark'))['id']}"
    vector = [0.05] * corpus.DIMENSION
    query = json.dumps({"query_embeddings": [vector], "n_results": 10}).encode()

    def write(n: int) -> None:
        store.ask(f"{path}/upsert", json.dumps({"ids": [f"new{n}"], "embeddings": [vector]}).encode())

    both = Client(write), Client(lambda _: store.ask(f"{path}/query", query))
    for client in both:
        client.start()
    return both


def measure(rows: int, folder: Path) -> dict[str, object]:
    """The figures of one size."""
    store = Store(filled(rows, folder), MAX_DOCS="1000000")
    store.start()
    figures: dict[str, object] = {"rows": rows}
    both = clients(store)
    time.sleep(ALONE_SECONDS)
    figures["write, read alone (median / longest ms)"] = [client.end() for client in both]
    both = clients(store)
    pauses, took, archive = [], [], b""
    for _ in range(SNAPSHOTS):
        began = time.perf_counter()
        archive = store.admin("/admin/snapshot")
        took.append(time.perf_counter() - began)
        pauses.append(Archive(io.BytesIO(archive)).manifest.pause)
    figures["write, read meanwhile (median / longest ms)"] = [client.end() for client in both]
    store.stop()
    size = Archive(io.BytesIO(archive)).manifest.bytes
    figures["pauses, s"] = pauses
    figures["snapshots, s"] = [round(seconds, 1) for seconds in took]
    figures["files, archive, MB"] = [round(size / 1e6), round(len(archive) / 1e6)]
    figures["MB of files per s"] = [round(size / 1e6 / seconds) for seconds in took]
    figures |= restored(archive)
    shutil.rmtree(store.folder)
    return figures


def restored(archive: bytes) -> dict[str, object]:
    """What a drill and a restore of an archive take."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "vectorstore_instance.drill", "-"]
    subprocess.run(command, input=archive, check=True, stdout=subprocess.DEVNULL)
    drilled = time.perf_counter() - began
    store = Store(RESTORING="true")
    began = store.start()
    store.await_start()
    told = json.loads(store.admin("/admin/restore", archive))["restored"]["seconds"]
    store.admin("/readyz")
    ready = time.perf_counter() - began
    store.stop()
    shutil.rmtree(store.folder)
    return {
        "drill, s": round(drilled, 1),
        "exec to ready with the archive restored, s": round(ready, 1),
        "of that": told,
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="vectorstore-benchmark-"))
    for rows in asked.rows:
        for name, value in measure(rows, folder).items():
            print(f"{name}: {value}", flush=True)
    if asked.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
