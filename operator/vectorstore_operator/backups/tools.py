"""What everything here works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vectorstore_operator.backups.jobs.running import Jobs
from vectorstore_operator.backups.known import Item, Shelf
from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.cluster.events import Recorder
from vectorstore_operator.objects import Object
from vectorstore_operator.settings import OperatorSettings


@dataclass(frozen=True)
class Tools:
    """Made anew each time an operator begins to lead."""

    cluster: Cluster
    """Is written to, while the operator leads."""
    cache: Cache
    """Stores, plans and what stores consist of."""
    shelf: Shelf
    """Backups and grants."""
    jobs: Jobs
    settings: OperatorSettings
    token: Callable[[Object], str]
    """The admin token of a store."""
    recorder: Recorder
    """Writes Events."""
    changed: Callable[[Key], None]
    """Has a store looked at by the reconciler: what its status tells of backups and restores changed."""
    soon: Callable[[Item], None]
    """Has a backup, or a store's schedule and restores, looked at here."""
    failed: Callable[[Key, str], None] = lambda store, reason: None
    """Told of every backup of a store that failed, and why: it is counted."""
