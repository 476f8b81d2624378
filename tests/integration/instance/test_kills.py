"""Whatever is killed whenever: every acknowledged write is there, and every answer is right.

Three writers and a small sync_threshold, so that index files are being rewritten most of the time. The
front, the engine or both are killed, at random moments or while index files are being written. Once
without and once with checkpoints. A few rounds here, SOAK_KILLS of them in full.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import chromadb
import chromadb.errors
import httpx
import pytest
from tests.support.instances import Running, wait_until
from tests.support.persists import await_persist, pause, unfinished
from tests.support.writers import Writer, verify

Start = Callable[..., Running]
ROUNDS = int(os.environ.get("SOAK_KILLS", "8"))
ROWS, DIMENSION = 150, 128
YOUTH = 20
"""Rounds with one collection. A graph whose rows are overwritten for long loses sight of some, without any kill:
Chroma's own server of 5 in 350 after 20,000 writes of 450 rows."""
NO_CHECKPOINTS, MANY_CHECKPOINTS = "60", "0.3"
"""Recovery budgets in seconds: 15,000 operations, and 75."""


@pytest.mark.parametrize("budget", [NO_CHECKPOINTS, MANY_CHECKPOINTS])
def test_what_was_acknowledged_survives_kills(start: Start, budget: str) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    running = start(MODEL_NAME="none", DIMENSION=str(DIMENSION), RECOVERY_SECONDS=budget)
    seen: Counter[str] = Counter(seed=seed)
    for round_ in range(ROUNDS // 2):
        if round_ % YOUTH == 0:
            writers = fresh(running, seed + round_)
        for writer in writers:
            writer.start()
        wait_until(lambda: all(writer.acknowledged for writer in writers))  # noqa: B023
        seen.update(kill(running, chance))
        for writer in writers:
            writer.halt.set()
            writer.join()
            seen["acknowledged"] += writer.acknowledged
        if running.process is not None and running.process.poll() is not None:
            running.restart()
        collection = open_(running)
        for writer in writers:
            verify(collection, writer, DIMENSION)
        total = sum(state != frozenset([None]) for writer in writers for state in writer.states.values())
        assert collection.count() == total == documents(running)
        writers = [writer.continued() for writer in writers]
    seen.update({way: running.log.count(f"index comes from {way}") for way in ("its checkpoint", "the queue")})
    print(dict(seen))


def open_(running: Running) -> chromadb.Collection:
    try:
        return running.chroma().get_collection("kills", embedding_function=None)
    except ValueError as problem:  # no connection
        raise AssertionError(running.log[-8000:]) from problem


def fresh(running: Running, seed: int) -> list[Writer]:
    """Three writers on a new collection, in the place of the last one."""
    client = running.chroma()
    with contextlib.suppress(chromadb.errors.NotFoundError):
        client.delete_collection("kills")
    client.create_collection(
        "kills", configuration={"hnsw": {"sync_threshold": 20, "space": "l2"}}, embedding_function=None
    )
    return [Writer(f"w{n}", lambda: open_(running), ROWS, DIMENSION, seed + n) for n in range(3)]


def kill(running: Running, chance: random.Random) -> list[str]:
    """Kills something at some moment; says what and when."""
    data = running.folder / "data"
    victim, moment = chance.choice(("engine", "front", "both")), chance.choice(("random", "persist"))
    if moment == "random":
        time.sleep(chance.uniform(0, 1))
    elif await_persist(data, seconds=5):
        pause(chance.uniform(0, 0.003))
    engines = running.engine_pids()
    if victim != "engine":
        running.end(signal.SIGKILL)
    for pid in engines if victim != "front" else []:
        with contextlib.suppress(ProcessLookupError):  # it went with its front
            os.kill(pid, signal.SIGKILL)
    if victim == "engine":
        time.sleep(chance.uniform(0, 0.3))  # the writers go on as far as they can
        return [victim, moment]
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in engines))
    return [victim, moment, "torn" if unfinished(data) else "whole"]


def documents(running: Running) -> int:
    """What the instance itself counts."""
    headers = {"authorization": f"Bearer {running.key('admin')}"}
    return int(httpx.get(f"{running.management_url}/admin/usage", headers=headers).json()["documents"])
