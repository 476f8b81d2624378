"""CPU of bringing stores about, against `raw_loop.py`: `python benchmarks/reconcile.py`.

Needs KUBEBUILDER_ASSETS (etcd and kube-apiserver); starts an API server of its own. In every round
each of the two gets a namespace with the same number of new stores, in turn; CPU is that of its
process from its exec until the last store has a status. Then the operator is started once more on
what it made: it must write nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.support import apiserver, operators

from vectorstore_operator import crd
from vectorstore_operator.cluster import Cluster, connect
from vectorstore_operator.kinds import CHILDREN, STORE

RAW = [sys.executable, str(Path(__file__).with_name("raw_loop.py"))]
OURS = [sys.executable, "-m", "vectorstore_operator"]


@dataclass(frozen=True)
class Bench:
    """Where the runs take place."""

    server: apiserver.ApiServer
    cluster: Cluster
    folder: Path
    stores: int

    def environ(self, namespace: str) -> dict[str, str]:
        """The environment of either."""
        return {
            "KUBECONFIG": str(self.server.kubeconfig),
            "OPERATOR_WATCH_NAMESPACES": namespace,
            "OPERATOR_NAMESPACE": namespace,
            "OPERATOR_PORT": "0",
            "OPERATOR_RECONCILES_PER_SECOND": "10000",
        }


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def made(cluster: Cluster, namespace: str, count: int) -> None:
    """Waits until so many stores have a status."""
    waiting = set()
    items, version = await cluster.list(STORE, namespace)
    waiting = {o["metadata"]["name"] for o in items if not o.get("status", {}).get("observedGeneration")}
    assert len(items) == count
    while waiting:
        async for _, store in cluster.watch(STORE, namespace, "", version):
            version = store["metadata"]["resourceVersion"]
            if store.get("status", {}).get("observedGeneration"):
                waiting.discard(store["metadata"]["name"])
            if not waiting:
                return


async def cold(bench: Bench, command: list[str]) -> dict[str, Any]:
    """One run on new stores in a new namespace."""
    cluster = bench.cluster
    tenant = operators.Tenant(cluster, f"b-{uuid4().hex[:8]}")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant.namespace}}
    bench.server.call("POST", "/api/v1/namespaces", namespace)
    room = asyncio.Semaphore(16)

    async def make(number: int) -> None:
        async with room:
            await tenant.store(f"store-{number:04}", plan="benchmark")

    await asyncio.gather(*(make(number) for number in range(bench.stores)))
    environ = os.environ | bench.environ(tenant.namespace)
    with (bench.folder / f"{tenant.namespace}.log").open("wb") as log:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=log, stderr=log)
        await made(cluster, tenant.namespace, bench.stores)
        wall, cpu = time.perf_counter() - began, cpu_seconds(process.pid)
        process.terminate()
        await process.wait()
    counts = [len((await cluster.list(kind, tenant.namespace))[0]) for kind in CHILDREN if not kind.optional]
    return {"namespace": tenant.namespace, "wall": wall, "cpu": cpu, "children": sum(counts)}


async def restart(bench: Bench, namespace: str) -> dict[str, Any]:
    """The operator started once more on what it made."""
    environ = {name.removeprefix("OPERATOR_").lower(): value for name, value in bench.environ(namespace).items()}
    del environ["kubeconfig"], environ["port"]
    with operators.running(bench.server.kubeconfig, bench.folder, **environ) as operator:
        began = time.perf_counter()
        operators.wait_until(operator.settled)
        wall = time.perf_counter() - began
        return {"wall": wall, "cpu": cpu_seconds(operator.process.pid), "writes": len(operator.writes())}


async def run(bench: Bench, rounds: int) -> None:
    """All rounds and what they come to."""
    await operators.Tenant(bench.cluster, "").plan("benchmark", documents=1000, replicas={"min": 2, "max": 3})
    ratios = []
    for _ in range(rounds):
        raw, ours = await cold(bench, RAW), await cold(bench, OURS)
        again = await restart(bench, ours["namespace"])
        ratios.append(ours["cpu"] / raw["cpu"])
        print(
            f"cold: raw {raw['cpu']:.2f} CPU s, {raw['wall']:.1f} s, {raw['children']} children; "
            f"operator {ours['cpu']:.2f} CPU s, {ours['wall']:.1f} s, {ours['children']} children; "
            f"ratio {ratios[-1]:.2f}; restart: {again['cpu']:.2f} CPU s, {again['writes']} writes",
            flush=True,
        )
    print(f"median ratio of CPU, cold, over {rounds} rounds of {bench.stores} stores: {statistics.median(ratios):.2f}")


async def prepared(server: apiserver.ApiServer, folder: Path, stores: int, rounds: int) -> None:
    """Runs with the CRDs and a client."""
    server.install(yaml.safe_load(text) for text in crd.files().values())
    async with await connect(str(server.kubeconfig)) as api:
        await run(Bench(server, Cluster(api), folder, stores), rounds)


def main() -> None:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stores", type=int, default=200)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    binaries = Path(os.environ["KUBEBUILDER_ASSETS"])
    with tempfile.TemporaryDirectory() as folder, apiserver.running(binaries, Path(folder)) as server:
        asyncio.run(prepared(server, Path(folder), chosen.stores, chosen.rounds))


if __name__ == "__main__":
    main()
