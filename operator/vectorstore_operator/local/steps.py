"""From what is there to what should be, in as few steps as do it. Pure.

A quota is a file that a running instance reads again; everything that is in Settings needs another
process. What is already so is left alone, so that a second `up` does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vectorstore_instance.settings import Limits
from vectorstore_operator.local.wanted import Record


class Step(Enum):
    """One thing to do; written down in the order in which they are safe."""

    STOP = auto()
    LIMITS = auto()
    RECORD = auto()
    """After the limits: cut off in between, the next `up` sees a difference and does it again."""
    START = auto()


@dataclass(frozen=True)
class Seen:
    """What is there of a store."""

    record: Record | None = None
    limits: Limits | None = None
    """As its file says them; None where there is no such file or it cannot be read."""
    running: bool = False


def steps(seen: Seen, wanted: Record) -> tuple[Step, ...]:
    """What brings the store from `seen` to `wanted`."""
    if wanted.spec.paused or (seen.record and seen.record.spec.paused):
        return ()
    outdated = seen.running and (seen.record is None or seen.record.settings != wanted.settings)
    asleep = bool(wanted.spec.hibernated)
    needed = {
        Step.STOP: outdated or (seen.running and asleep),
        Step.LIMITS: seen.limits != wanted.limits,
        Step.RECORD: seen.record != wanted,
        Step.START: (outdated or not seen.running) and not asleep,
    }
    return tuple(step for step, need in needed.items() if need)
