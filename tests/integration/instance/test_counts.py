"""Documents and collections are counted exactly, in every database, whatever is killed while they come and go."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable

import httpx
from tests.support.instances import Running, wait_until

Start = Callable[..., Running]
ROUNDS = int(os.environ.get("SOAK_KILLS", "4")) // 2
TENANT = "/api/v2/tenants/default_tenant/databases"
DATABASES = ("default_database", "other", "passing")


class Mover(threading.Thread):
    """Makes, fills and drops collections and a database, and takes every refusal for what it is."""

    def __init__(self, running: Running, seed: int) -> None:
        super().__init__()
        self.running = running
        self.chance = random.Random(seed)
        self.halt = threading.Event()
        self.acknowledged = 0

    def run(self) -> None:
        while not self.halt.is_set():
            try:
                with self.running.http() as http:
                    while not self.halt.is_set():
                        self.acknowledged += self.move(http).is_success
            except httpx.TransportError:
                time.sleep(0.02)  # the instance is away; it will be back

    def move(self, http: httpx.Client) -> httpx.Response:
        base = f"{TENANT}/{self.chance.choice(DATABASES)}/collections"
        name = f"c{self.chance.randrange(8)}"
        kind = self.chance.random()
        if kind < 0.1:
            http.post(TENANT, json={"name": "passing"})
        if kind < 0.15:
            return http.delete(f"{TENANT}/passing")
        if kind < 0.4:
            return http.delete(f"{base}/{name}")
        made = http.post(base, json={"name": name, "get_or_create": self.chance.random() < 0.7})
        if not made.is_success:
            return made
        ids = [f"r{self.chance.randrange(30)}" for _ in range(5)]
        rows = f"{base}/{made.json()['id']}"
        if kind < 0.9:
            return http.post(f"{rows}/upsert", json={"ids": [*{*ids}], "embeddings": [[1, 2, 3]] * len({*ids})})
        return http.post(f"{rows}/delete", json={"where": {"x": 1}} if kind < 0.95 else {"ids": ids[:2]})


def test_counts_are_exact_after_kills_while_collections_come_and_go(start: Start) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    running = start(MODEL_NAME="none", DIMENSION="3")
    with running.http() as http:
        assert http.post(TENANT, json={"name": "other"}).is_success
    for number in range(ROUNDS):
        movers = [Mover(running, seed + 10 * number + n) for n in range(3)]
        for mover in movers:
            mover.start()
        wait_until(lambda: all(mover.acknowledged > 5 for mover in movers))  # noqa: B023
        time.sleep(chance.uniform(0, 0.3))
        front = number % 2 == 1
        if front:
            running.end(signal.SIGKILL)
        elif running.engine_pids():
            running.kill_engine()
            time.sleep(chance.uniform(0, 0.3))  # they go on as far as they can
        for mover in movers:
            mover.halt.set()
            mover.join()
        if front:
            running.restart()
        wait_until(lambda: httpx.get(f"{running.management_url}/readyz").status_code == 200)
        with running.http() as http:
            assert counted(http) == there(http), f"seed {seed}, round {number}"


def counted(http: httpx.Client) -> tuple[int, int]:
    """Documents and collections as the instance counts them."""
    told = http.get("/stats").json()
    return told["documents"], told["collections"]


def there(http: httpx.Client) -> tuple[int, int]:
    """Documents and collections as the engine lists them."""
    documents = collections = 0
    for database in http.get(TENANT).json():
        base = f"{TENANT}/{database['name']}/collections"
        for collection in http.get(base).json():
            documents += http.get(f"{base}/{collection['id']}/count").json()
            collections += 1
    return documents, collections
