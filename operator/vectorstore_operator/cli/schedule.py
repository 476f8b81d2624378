"""`vectorstore schedule`: what a manifest says of backups, carried out on one machine by a process that goes on.

For each store in its turn: what is due is backed up and proven, what is surplus deleted, and what tenants ask for by
their keys done. It remembers nothing: whenever it is ended, it goes on where it was.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click

from vectorstore_instance.backup.result import Info
from vectorstore_operator.cli.backing import Progress, key_option, listed, make, place_option, prove, to, token_of, told
from vectorstore_operator.cli.scheduled import Care, care_of, due, surplus, unproven
from vectorstore_operator.cli.show import say
from vectorstore_operator.cli.verbs import until_interrupted
from vectorstore_operator.cli.wished import Wished
from vectorstore_operator.local import Problem, backups, look, process
from vectorstore_operator.local.backups import Place
from vectorstore_operator.local.folder import Home
from vectorstore_operator.local.wanted import Record

LOOK = 30.0
"""Seconds between two looks at the clock, and at what tenants ask for."""
AGAIN, SLOWEST = 60.0, 3600.0
"""Seconds until what failed is tried again: these at first, then twice as many each time, and never more."""


@click.command()
@click.argument("names", nargs=-1)
@place_option("--to")
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
@key_option
@click.pass_obj
@until_interrupted
def schedule(home: Home, names: Sequence[str], where: str, once: bool, key_file: Path | None) -> None:
    """Back stores up by the schedules of their manifests, prove and prune, until this is ended.

    spec.backup.schedule, timeZone, suspend, retention and verify, or their plan's; names, or else all stores.
    S3 is reached by AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL.
    """
    for name in names:
        look.existing(home, name)
    keeper = Keeper(home, to(where, key_file))
    while True:
        for name in names or home.names():
            keeper.look(name)
        if once:
            sys.exit(1 if keeper.failed else 0)
        time.sleep(LOOK)  # for the clock, and for whoever has asked meanwhile: neither tells


@dataclass
class Keeper:
    """Sees to the backups of stores."""

    home: Home
    at: Place
    failed: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Stores whose last look failed: how often, and when it is tried again."""
    _said: dict[str, str] = field(default_factory=dict)
    _found: dict[str, list[Info]] = field(default_factory=dict)
    """Backups of each store, as was seen last."""

    def __post_init__(self) -> None:
        self._wished = Wished(self.home, self.at)

    def look(self, name: str) -> None:
        """Does what is due for a store; what goes wrong is told, and tried again later."""
        failures, again = self.failed.get(name, (0, 0.0))
        if time.monotonic() < again:
            return
        try:
            self._see_to(name)
        except Problem as problem:
            wait = min(SLOWEST, AGAIN * 2**failures)
            self.failed[name] = failures + 1, time.monotonic() + wait
            self._found.pop(name, None)
            say(f"Error: {name}: {problem}; tried again in {wait:.0f} s")
        else:
            self.failed.pop(name, None)

    def _see_to(self, name: str) -> None:
        folder, record = look.existing(self.home, name)
        care = care_of(record)
        if care.schedule is None and not care.asked:
            self._tell(name, "no schedule: neither spec.backup.schedule nor its plan's says when")
            return
        if not process.is_running(folder.path):
            self._tell(name, "it does not run; what is due is made up for when it does")
            return
        self._said.pop(name, None)
        if self._due(name, record, care) and (called := self._due(name, record, care, anew=True)):
            say(f"{name}: {called}: {told(make(self.home, name, self.at, called, care.verify))}")
            self._prune(name, record, care)
        elif left := unproven(care, name, self._backups(record, anew=False)):
            say(f"{name}: {left}: {told(prove(record, self.at, left))}")
            self._prune(name, record, care)
        if care.asked:
            self._wished.see_to(name, care, lambda anew: self._backups(record, anew=anew))

    def _due(self, name: str, record: Record, care: Care, *, anew: bool = False) -> str | None:
        return due(care, name, self._backups(record, anew=anew), self._began(name), datetime.now(UTC))

    def _began(self, name: str) -> datetime:
        folder = self.home.folder(name)
        token_of(folder)
        return datetime.fromtimestamp(folder.key_file("admin").stat().st_mtime, UTC)  # made with the store, and stays

    def _prune(self, name: str, record: Record, care: Care) -> None:
        began = self._began(name)  # what a store that is no more left under the name is not this one's to delete
        found = [info for info in self._backups(record, anew=True) if info.taken >= began]
        if gone := surplus(care, name, found)[:1000]:
            backups.run(self.at, Progress("deleting"), verb="delete", store=backups.store_of(record), names=gone)
            self._found.pop(name, None)
            say(f"{name}: deleted by its retention: {', '.join(gone)}")

    def _backups(self, record: Record, *, anew: bool) -> list[Info]:
        if anew or record.name not in self._found:
            own = backups.store_of(record)
            mine = (own.cluster, own.namespace, own.uid)
            self._found[record.name] = [i for i in listed(self.at) if (i.cluster, i.namespace, i.uid) == mine]
        return self._found[record.name]

    def _tell(self, name: str, why: str) -> None:
        if self._said.get(name) != why:
            say(f"{name}: {why}")
        self._said[name] = why
