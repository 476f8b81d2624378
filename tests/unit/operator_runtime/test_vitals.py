"""The operator's probes and the numbers beside them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from vectorstore_operator.cluster.cache import Cache
from vectorstore_operator.cluster.kinds import CHILDREN
from vectorstore_operator.telemetry.metrics import Metrics
from vectorstore_operator.telemetry.serving import serve
from vectorstore_operator.telemetry.vitals import SILENT, STUCK, Vitals


def source(silent: float = 0.0, listed: bool = True) -> Any:
    event = asyncio.Event()
    if listed:
        event.set()
    return SimpleNamespace(silent=silent, listed=event, kind=CHILDREN[0])


def queue(oldest: float = 0.0, longest: float = 0.0, busy: int = 0) -> Any:
    class Line(SimpleNamespace):
        def __len__(self) -> int:
            return 0  # an empty queue is false, and a queue all the same

    return Line(oldest=oldest, longest=longest, busy=busy)


def vitals(resync: Any, informer: Any, line: Any = None) -> Vitals:
    return Vitals(Cache(), resync, [informer], lambda: line, dict)


def test_ready_is_who_has_listed_everything() -> None:
    assert vitals(source(), source()).unready() == ""
    assert "not filled" in vitals(source(), source(listed=False)).unready()
    assert "not filled" in vitals(source(listed=False), source()).unready()


@pytest.mark.parametrize(
    ("vital", "wrong"),
    [
        (vitals(source(), source()), ""),
        (vitals(source(SILENT), source(SILENT), queue(STUCK, STUCK)), ""),
        (
            vitals(source(SILENT + 1), source()),
            "the watch of vectorstores and vectorstoreplans has been silent for 301 s",
        ),
        (vitals(source(), source(SILENT + 1)), "the watch of serviceaccounts has been silent for 301 s"),
        (vitals(source(), source(), queue(longest=STUCK + 1, busy=1)), "a look has taken 601 s"),
        (vitals(source(), source(), queue(oldest=STUCK + 1)), "nobody has taken the first in line for 601 s"),
        (vitals(source(), source(), queue(oldest=STUCK + 1, busy=16)), ""),  # many stores, slow answers
    ],
)
def test_dead_is_who_stands_still(vital: Vitals, wrong: str) -> None:
    assert vital.dead() == wrong


def test_the_numbers_are_those_of_the_moment() -> None:
    metrics = Metrics()
    vitals(source(), source(7.0), queue(oldest=3.0, longest=2.0, busy=1)).register(metrics)
    number = metrics.registry.get_sample_value
    told = ("leading", "ready", "busy", "queue_oldest_seconds", "busy_longest_seconds", "watch_silent_seconds")
    assert [number(f"vectorstore_operator_{name}") for name in told] == [1, 1, 1, 3, 2, 7]


async def test_a_probe_answers_503_with_what_is_wrong() -> None:
    wrong = "a look has taken 601 s"
    async with (
        serve(CollectorRegistry(), lambda: "", lambda: wrong, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        async with session.get("/livez") as live:
            assert (live.status, await live.text()) == (503, wrong)
        async with session.get("/readyz") as ready:
            assert (ready.status, await ready.text()) == (200, "ok")
        async with session.get("/metrics") as page:
            assert page.status == 200
