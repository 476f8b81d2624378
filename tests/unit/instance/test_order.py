"""What keeps writes in order: which of those that wait are taken together, and who runs alone."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

import pytest

from vectorstore_instance.engine.gate import Gate
from vectorstore_instance.engine.lane import Write, take
from vectorstore_instance.engine.route import route
from vectorstore_instance.models import wire

ROWS = "/api/v2/tenants/t/databases/d/collections/0b5f3c9e-6a54-4e0c-9b1d-2f6b0c1d2e3f"


def write(*ids: str, verb: str = "upsert", **body: Any) -> Write:
    text = json.dumps({"ids": ids, "embeddings": [[1.0]] * len(ids)} | body).encode()
    rows = wire.rows.decode(text) if verb != "delete" else None
    return Write(route("POST", f"{ROWS}/{verb}"), text, rows)


@pytest.mark.parametrize(
    ("waiting", "together"),
    [
        ([("a",), ("b",), ("c",)], 3),
        ([("a",), ("a",)], 1),
        ([("a",), ("b",), ("a",), ("c",)], 2),
        ([tuple(f"x{n}" for n in range(65)), ("b",)], 1),
        ([("a",), tuple(f"x{n}" for n in range(65)), ("b",)], 1),
        ([tuple(f"{w}-{n}" for n in range(60)) for w in range(10)], 8),
    ],
)
async def test_small_writes_of_other_rows_go_together_up_to_the_first_that_cannot(
    waiting: list[tuple[str, ...]], together: int
) -> None:
    lane = deque(write(*ids) for ids in waiting)
    order = list(lane)
    assert take(lane) == order[:together]
    assert list(lane) == order[together:]


@pytest.mark.parametrize("other", ["add", "update", "delete"])
async def test_writes_of_another_kind_are_not_overtaken(other: str) -> None:
    lane = deque([write("a"), write("b", verb=other), write("c")])
    assert len(take(lane)) == 1
    assert len(take(lane)) == 1
    assert len(lane) == 1


async def test_who_is_alone_waits_for_all_and_keeps_newcomers_out() -> None:
    gate, seen = Gate(), list[str]()
    go = asyncio.Event()

    async def share(name: str) -> None:
        async with gate.shared():
            seen.append(f"{name} in")
            await go.wait()
            seen.append(f"{name} out")

    async def alone() -> None:
        async with gate.alone():
            seen.append("alone")

    tasks = [asyncio.create_task(share("first"))]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(alone())]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(share("late"))]
    await asyncio.sleep(0)
    assert seen == ["first in"]
    go.set()
    await asyncio.gather(*tasks)
    assert seen == ["first in", "first out", "alone", "late in", "late out"]


async def test_who_gives_up_waiting_to_be_alone_lets_the_others_in() -> None:
    gate = Gate()
    async with gate.shared():
        waiting = asyncio.create_task(gate.alone().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(5), gate.shared():
            pass
