"""Backups to a real S3 server and back: `VERSITYGW=/path/to/versitygw python benchmarks/backup.py [--rows 10000 ...]`.

For each size a filled store is backed up, plain and encrypted, each backup is verified, and restored into a new
store that waits for it. Every step is a job as a cluster would run it. Beside it, what the same machine does with
the bare bytes: the snapshot read by an HTTP client and thrown away. `--folder` keeps the filled stores and finds
them again. Loopback only, bounded in count.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyrage
from servers import free_port
from snapshot import Store, filled

from vectorstore_instance.backup.job import S3, Destination, Job
from vectorstore_instance.backup.job import Store as Whose
from vectorstore_instance.backup.result import Result

KEYS = {"access-key-id": "an-access-key", "secret-access-key": "a-secret-key"}
TOKEN = "an-admin-key-for-this-benchmark"


class Bucket:
    """A server of S3 with one bucket."""

    def __init__(self, folder: Path) -> None:
        (folder / "backups").mkdir(parents=True)
        self.url = f"http://127.0.0.1:{free_port()}"
        environ = {"ROOT_ACCESS_KEY": KEYS["access-key-id"], "ROOT_SECRET_KEY": KEYS["secret-access-key"]}
        command = [os.environ["VERSITYGW"], "--port", self.url.removeprefix("http://"), "--quiet", "posix", str(folder)]
        self.process = subprocess.Popen(command, env=os.environ | environ, stdout=subprocess.DEVNULL)


def run(folder: Path, bucket: Bucket, verb: str, name: str, **fields: object) -> tuple[Result, float, float]:
    """One job; its result, its seconds of CPU, and its seconds."""
    told = {
        "verb": verb,
        "names": (name,),
        "store": Whose(cluster="here", namespace="tenants", uid="1", name="acme"),
        "destination": Destination(s3=S3(bucket="backups", endpoint=bucket.url)),
    }
    (folder / "job.json").write_text(Job.model_validate(told | fields).model_dump_json(by_alias=True))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "vectorstore_instance.backup"],
        env=os.environ | {"BACKUP_DIR": str(folder)},
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Result.model_validate_json(done.stdout.splitlines()[-1]), used, time.perf_counter() - began


def bare(store: Store) -> float:
    """Seconds for the snapshot alone, read and thrown away."""
    began = time.perf_counter()
    store.admin("/admin/snapshot")
    return time.perf_counter() - began


def measure(rows: int, folder: Path, jobs: Path, bucket: Bucket) -> None:
    """Prints the figures of one size."""
    store = Store(filled(rows, folder), MAX_DOCS="1000000")
    store.start()
    store.await_start()
    url = f"http://127.0.0.1:{store.management}"
    print(f"{rows} rows: the snapshot alone: {bare(store):.1f} s")
    for name, encrypt in ((f"plain{rows}", False), (f"sealed{rows}", True)):
        made, used, took = run(jobs, bucket, "backup", name, url=url, encrypt=encrypt)
        assert made.backup
        files, size = made.backup.bytes / 1e6, made.backup.size / 1e6
        print(
            f"{name}: {files:.0f} MB of files, {size:.0f} MB stored, {took:.1f} s, {files / took:.0f} MB/s of files, "
            f"{used:.1f} s of CPU, pause {made.backup.pause_seconds:.3f} s"
        )
    store.stop()
    for name in (f"plain{rows}", f"sealed{rows}"):
        _, used, took = run(jobs, bucket, "verify", name)
        print(f"{name}: verified in {took:.1f} s, {used:.1f} s of CPU")
        waiting = Store(RESTORING="true", MAX_DOCS="1000000")
        began = waiting.start()
        waiting.await_start()
        run(jobs, bucket, "restore", name, url=f"http://127.0.0.1:{waiting.management}")
        waiting.admin("/readyz")
        told = json.loads(waiting.admin("/admin/restore"))["restored"]["seconds"]
        print(f"{name}: from the start of the new store to ready {time.perf_counter() - began:.1f} s, of that {told}")
        waiting.stop()
        shutil.rmtree(waiting.folder)
    shutil.rmtree(store.folder)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vectorstore-benchmark-") as made:
        jobs = Path(made) / "job"
        jobs.mkdir()
        secrets = KEYS | {"token": TOKEN, "encryption-key": str(pyrage.x25519.Identity.generate())}
        for name, content in secrets.items():
            (jobs / name).write_text(content)
        bucket = Bucket(Path(made) / "s3")
        try:
            for rows in asked.rows:
                measure(rows, asked.folder or Path(made), jobs, bucket)
        finally:
            bucket.process.terminate()
            bucket.process.wait()


if __name__ == "__main__":
    main()
