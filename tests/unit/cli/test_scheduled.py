"""When a store of one machine is backed up by itself, and which of its backups go."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.machine import manifest

from vectorstore_instance.backup.result import Info
from vectorstore_operator.cli import scheduled
from vectorstore_operator.local.manifest import parse
from vectorstore_operator.local.wanted import Place, Record, want

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
AGES_AGO = NOW - 300 * DAY


def record(plan: dict[str, Any], **own: Any) -> Record:
    head = {"apiVersion": "vectorstore.dev/v1alpha1", "kind": "VectorStorePlan", "metadata": {"name": "p"}}
    text = json.dumps({**head, "spec": {"documents": 1000, "backup": plan}})
    found = parse({"m": f"{text}\n---\n{manifest(plan='p', backup=own or None)}"})
    folder = Path("/nowhere")
    return want(found.stores[0], found.plans, None, Place(folder, folder, 1, 2, folder))


def info(name: str, taken: datetime = NOW, *, proven: bool = True) -> Info:
    verified = {"at": taken, "seconds": 1, "collections": 1, "documents": 1, "questions": 1, "recall": 1}
    return Info.model_validate(
        {
            "format": 1,
            "name": name,
            "object": "o",
            "cluster": "vm",
            "namespace": "default",
            "uid": "acme",
            "store": "acme",
        }
        | {"run": "", "taken": taken, "finished": taken, "sequence": 1, "collections": 1, "documents": 1, "bytes": 1}
        | {"size": 1, "sha256": "", "encrypted": False, "release": "1", "chromadb": "1", "model": "none"}
        | {"dimension": 3, "precision": "", "pauseSeconds": 0, "verified": verified if proven else None}
    )


def due(plan: dict[str, Any], *found: str, since: datetime = AGES_AGO, **own: Any) -> str | None:
    care = scheduled.care_of(record(plan, **own))
    return scheduled.due(care, "acme", [info(name) for name in found], since, NOW)


def test_what_a_store_says_goes_before_its_plan() -> None:
    plan = {"schedule": "0 3 * * *", "timeZone": "Europe/Berlin", "verify": False}
    assert due(plan) == "acme-202611220200"
    assert due(plan, schedule="0 4 * * *") == "acme-202611220300"
    assert due(plan, timeZone="UTC") == "acme-202611220300"
    assert due(plan, suspend=True) is None
    assert due({}) is None
    assert [scheduled.care_of(record(plan, **own)).verify for own in ({}, {"verify": True})] == [False, True]


def test_times_that_came_while_nobody_worked_are_made_up_for_by_one() -> None:
    plan = {"schedule": "0 3 * * *"}
    assert due(plan, "acme-202611190300", "acme-202611180300") == "acme-202611220300"
    assert due(plan, "acme-202611220300") is None
    assert due(plan, since=NOW - timedelta(hours=1)) is None, "a new store begins with its next time"


def test_a_backup_by_hand_takes_the_place_of_none() -> None:
    assert due(
        {"schedule": "0 3 * * *"}, "20261122T030000Z", "acme-20261122", "acme-202699990300", "other-202611220300"
    )


def test_only_what_a_schedule_made_is_deleted_and_what_was_not_proven_counts_for_nothing() -> None:
    care = scheduled.care_of(record({"schedule": "0 3 * * *", "retention": {"last": 1}}))
    found = [
        info("by-hand", NOW - 9 * DAY),
        info("acme-202611200300", NOW - 2 * DAY),
        info("acme-202611210300", NOW - DAY),
        info("acme-202611220300", proven=False),
    ]
    assert scheduled.surplus(care, "acme", found) == ("acme-202611200300",)
