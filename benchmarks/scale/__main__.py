"""`python -m benchmarks.scale`: the operator with very many stores, as two Markdown tables.

Needs KUBEBUILDER_ASSETS, the folder with etcd and kube-apiserver; every run has an API server of its own
on loopback. With a thousand stores it takes about a quarter of an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import os

from benchmarks.scale import cold, day, table


async def run(stores: int, rounds: int, rest: float, only: str | None) -> None:
    """Measures and prints."""
    if only != "day":
        print(*table.of_cold(await cold.rounds(stores, rounds), stores), "", sep="\n", flush=True)
    if only != "cold":
        print(*table.of_day(await day.day(stores, rest)), sep="\n", flush=True)


def main() -> None:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--stores", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3, help="of the cold reconciles, three runs each")
    options.add_argument("--rest", type=float, default=120, help="seconds for which requests are counted at rest")
    options.add_argument("--only", choices=("cold", "day"), help="one of the two tables")
    chosen = options.parse_args()
    if "KUBEBUILDER_ASSETS" not in os.environ:
        options.error("KUBEBUILDER_ASSETS is not set: the folder with etcd and kube-apiserver")
    asyncio.run(run(chosen.stores, chosen.rounds, chosen.rest, chosen.only))


if __name__ == "__main__":
    main()
