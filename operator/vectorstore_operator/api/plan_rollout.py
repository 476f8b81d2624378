"""How a change of a plan reaches its stores: how many at a time, which first, when; and how far it has come."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from vectorstore_operator.api.base import SET, Brief, Model, Moment
from vectorstore_operator.api.network import Labels

Day = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class Canary(Model):
    """Stores that go first."""

    match_labels: Annotated[Labels, Field(min_length=1)]
    """Labels that a store must all have to be one of them."""


class Rollout(Model):
    """At which pace a change that restarts pods reaches the plan's stores."""

    max_concurrent: int = Field(5, ge=1, le=1000)
    """Stores whose pods are replaced at a time."""
    canary: Canary | None = None
    """Stores that go before all others; omitted = none does."""
    gate_seconds: int = Field(180, ge=30, le=3600)
    """How long each new pod of a store may take until it answers: else the store goes back, and has failed."""
    max_failures: int = Field(1, ge=1, le=1000)
    """After so many stores that failed no other one moves."""
    paused: bool = False
    """No store moves: what would happen is in the status."""
    versions: Literal["Manual", "Automatic"] = "Manual"
    """Whether stores take the operator's release of the instance by themselves, or by `spec.version` alone."""


def known_zone(name: str) -> str:
    """The name of a time zone.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # none, that of a folder, or no file name at all
        raise ValueError("no time zone of the IANA's; write Europe/Berlin, say, or UTC") from error
    return name


class Window(Model):
    """A time of the week in which moves may begin."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7, json_schema_extra=SET)] | None = None
    """Days on which it opens; omitted = every day."""
    start: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length=5)
    """When it opens, by the clocks of the time zone: `22:30`."""
    hours: int = Field(ge=1, le=24)
    """How long it is open, over midnight too."""
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]+$", max_length=64), AfterValidator(known_zone)] = "UTC"
    """Whose clocks: a name of the IANA's, such as Europe/Berlin."""


class Maintenance(Model):
    """When moves may begin; one that has begun comes to its end."""

    windows: Annotated[list[Window], Field(min_length=1, max_length=16)]
    """Times of the week."""


CHANGES, CHANGE = 16, 256
"""Changes that are told, and characters of each, at most."""

State = Literal["Done", "Waiting", "Progressing", "Paused", "Stopped", "OutsideWindow"]


class PlanRollout(Model):
    """Where the plan's stores stand: what was done, and what will be."""

    edition: Brief | None = None
    """Which edition of the plan it is, as a digest."""
    state: State
    """Done, or what it waits for."""
    stores: int
    """Stores that have the plan."""
    updated: int
    """Those that have this edition of it."""
    waiting: int = 0
    """Those whose pods are still to be replaced."""
    moving: int = 0
    """Those whose pods are being replaced."""
    failed: int = 0
    """Those that went back, as their new pods did not answer."""
    refused: int = 0
    """Those that this edition cannot serve, and that stay as they are."""
    restarts: int = 0
    """Pods that are replaced when it goes on."""
    changes: Annotated[list[Annotated[str, Field(max_length=CHANGE)]], Field(max_length=CHANGES)] | None = None
    """What differs from the edition that most of the others have: `memory: 512Mi -> 1Gi`."""
    next: Moment | None = None
    """When the next window opens, RFC 3339."""
