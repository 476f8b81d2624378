"""The figures as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

from benchmarks.scale.cold import Cold
from benchmarks.scale.day import Day
from benchmarks.scale.processes import COMMANDS, RAW


def of_cold(rounds: list[list[Cold]], stores: int) -> Iterator[str]:
    """The three beside each other: medians, and ratios to the raw loop of the same round."""
    yield f"| {stores} new stores, {len(rounds)} rounds | {' | '.join(COMMANDS)} |"
    yield f"|---|{'---|' * len(COMMANDS)}"
    for what, figure, unit in (
        ("CPU", lambda run: run.cpu, "s"),
        ("wall", lambda run: run.wall, "s"),
        ("most memory", lambda run: run.peak, "MiB"),
    ):
        yield f"| {what} | {' | '.join(_cell(rounds, who, figure, unit) for who in COMMANDS)} |"


def of_day(day: Day) -> Iterator[str]:
    """One line per figure, with what it should be."""
    yield f"| operator, {day.stores} stores | measured | target |"
    yield "|---|---|---|"
    yield f"| resident memory, settled | {day.resident:.0f} MiB (most {day.peak:.0f}) | 200 MiB |"
    yield f"| most memory after a restart | {day.restarted:.0f} MiB | 200 MiB |"
    yield f"| restart until settled | {day.restart:.1f} s, {day.restart_cpu:.1f} CPU s | 10 s |"
    yield f"| restart, writes | {day.writes} | 0 |"
    yield f"| spec change to first write, idle | {day.idle} | p99 500 ms |"
    yield f"| the same while the others are brought about | {day.storm} | p99 2 s |"
    yield f"| child deleted until it is back | {day.back} | p99 500 ms |"
    yield f"| API requests per store in 10 minutes of rest | {day.calls:.2f} | 1 |"


def _cell(rounds: list[list[Cold]], who: str, figure: Callable[[Cold], float], unit: str) -> str:
    by_round = [{run.who: figure(run) for run in runs} for runs in rounds]
    middle = f"{statistics.median(runs[who] for runs in by_round):.1f} {unit}"
    if who == RAW:
        return middle
    ratios = [runs[who] / runs[RAW] for runs in by_round]
    return f"{middle}, ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
