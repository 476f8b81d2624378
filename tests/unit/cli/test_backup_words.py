"""A backup and a restore of a cluster in words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from vectorstore_operator.cli import backup_words as words
from vectorstore_operator.cli.cluster_report import Look, report
from vectorstore_operator.local import Problem

COMPLETE = ("Complete", "True", "Stored", "it is there")
NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def backup(phase: str | None = None, *conditions: tuple[str, str, str, str], **status: Any) -> dict[str, Any]:
    told = [dict(zip(("type", "status", "reason", "message"), each, strict=True)) for each in conditions]
    meta = {"name": "nightly", "namespace": "tenants", "generation": 1, "creationTimestamp": "2026-11-22T03:00:00Z"}
    known = {"observedGeneration": 1, "phase": phase, "conditions": told, **status} if phase else {}
    return {"metadata": meta, "spec": {"store": "acme"}, "status": known}


def store(**restore: Any) -> dict[str, Any]:
    meta = {"name": "acme", "namespace": "tenants", "generation": 1}
    return {"metadata": meta, "spec": {}, "status": {"observedGeneration": 1, "restore": restore, "conditions": []}}


def test_a_wait_tells_in_which_phase_a_backup_is_and_why() -> None:
    assert words.progress(backup()) == (0, 3, "nightly: waiting for the operator")
    waits = backup("Pending", ("Complete", "Unknown", "StoreNotReady", "acme does not answer"))
    assert words.progress(waits) == (0, 3, "nightly: Pending: acme does not answer")
    assert words.progress(backup("Verifying"))[0] == 2


def test_a_backup_is_made_when_it_is_complete_and_never_while_its_proof_is_missing() -> None:
    assert not words.is_made(backup("Verifying"))
    assert words.is_made(backup("Completed"))


def test_a_backup_that_failed_or_did_not_hold_ends_the_wait_with_the_reason() -> None:
    failed = backup("Failed", ("Complete", "False", "NoSuchBucket", "there is no bucket 'b'"))
    with pytest.raises(Problem, match=r"nightly: there is no bucket 'b' \(NoSuchBucket\)"):
        words.is_made(failed)
    with pytest.raises(Problem, match=r"nightly is made, and could not be proven: 3 rows differ \(Differs\)"):
        words.is_made(backup("Failed", COMPLETE, ("Verified", "False", "Differs", "3 rows differ")))
    shown = words.summary(backup("Failed", COMPLETE, ("Verified", "False", "Differs", "3 rows differ")))
    assert words.row(shown, NOW)["told"] == "Failed (Differs)"


def test_a_table_says_of_a_failed_backup_why() -> None:
    shown = words.summary(backup("Failed", ("Complete", "False", "DiskFull", "m"), size=2048))
    assert words.row(shown, NOW) == {"told": "Failed (DiskFull)", "amount": "2.0 KiB", "age": "1h"}
    assert words.row(words.summary(backup("Completed")), NOW)["told"] == "Completed"


def test_only_the_restore_that_was_asked_for_counts() -> None:
    assert not words.is_restored(store(phase="Restored", request="before"), "now")
    assert not words.is_restored(store(phase="Failed", request="before", message="m"), "now")
    assert words.is_restored(store(phase="Restored", request="now"), "now")
    with pytest.raises(Problem, match=r"acme: of another model \(WrongModel\)"):
        words.is_restored(store(phase="Failed", request="now", reason="WrongModel", message="of another model"), "now")


def test_a_wait_tells_what_a_restore_waits_for() -> None:
    assert words.restoring(store())[2] == "acme: waiting for the operator"
    assert words.restoring(store(phase="Restoring", message="m")) == (1, 2, "acme: Restoring: m")


def test_status_tells_of_the_last_good_backup_and_where_to_look_when_there_is_trouble() -> None:
    seen = store()
    seen["status"]["backup"] = {"lastGood": "nightly", "lastGoodAt": "2026-11-22T03:00:00Z"}
    trouble = {"type": "BackupHealthy", "status": "False", "reason": "LastFailed", "message": "no bucket"}
    seen["status"]["conditions"] = [trouble]
    waits = backup("Pending", ("Complete", "Unknown", "StoreNotReady", "pod acme-0 does not answer"))
    told = report(Look(seen, backups=[waits, backup("Completed", COMPLETE)]), "kubectl vectorstore", NOW)
    assert "backup nightly waits (StoreNotReady): pod acme-0 does not answer" in told.why
    assert len(told.why) == 2
    assert "last good backup nightly, 1h ago" in told.facts
    assert "BackupHealthy (LastFailed): no bucket" in told.why
    assert "kubectl vectorstore backups acme -n tenants" in told.todo
