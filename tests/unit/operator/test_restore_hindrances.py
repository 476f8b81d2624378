"""What keeps a restore from beginning, each in its own words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.desired import store as resolved
from tests.support.shelved import backup_object

from vectorstore_operator.api.restore import Restore, RestoreFrom
from vectorstore_operator.backups import restores
from vectorstore_operator.backups.jobs.leader import read
from vectorstore_operator.backups.known import Backup, Shelf
from vectorstore_operator.backups.restores.hindrances import not_accepted, of_contents, of_port, of_store, sought
from vectorstore_operator.backups.restores.step import Ask, Hindrance, Port
from vectorstore_operator.cluster.kinds import GRANT
from vectorstore_operator.objects import Object
from vectorstore_operator.plan.volume import Growth, Volume
from vectorstore_operator.quantity import GI, MI
from vectorstore_operator.refusal import Refusal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def new(name: str = "nightly", namespace: str | None = None) -> Ask:
    reference = {"name": name} | ({"namespace": namespace} if namespace else {})
    return Ask(RestoreFrom.model_validate({"backup": reference}))


IN_PLACE = Ask(Restore.model_validate({"backup": {"name": "nightly"}, "request": "r1"}), "r1")


def store(**status: Any) -> Object:
    return {"metadata": {"name": "acme", "namespace": "tenants"}, "spec": {}, "status": status}


def shelf(*objects: Object) -> Shelf:
    made = Shelf()
    for each in objects:
        made.put(each)
    return made


def grant(*namespaces: str, names: list[str] | None = None) -> Object:
    return {
        "apiVersion": GRANT.api_version,
        "kind": GRANT.name,
        "metadata": {"namespace": "tenants", "name": "to-others", "uid": "g", "resourceVersion": "1"},
        "spec": {"from": list(namespaces)} | ({} if names is None else {"names": names}),
    }


def of(found: Backup | Hindrance | None) -> tuple[str, bool]:
    assert isinstance(found, Hindrance)
    return found.reason, found.final


@pytest.mark.parametrize(
    ("live", "wanted", "reason"),
    [
        (store(), resolved(), None),
        (store() | {"spec": {"paused": True}}, resolved(), "Paused"),
        (store(), resolved(hibernated=True), "Hibernated"),
        (store(rollout={"moving": True}), resolved(), "Moving"),
    ],
)
def test_a_store_that_cannot_take_it_now(live: Object, wanted: Any, reason: str | None) -> None:
    found = of_store(live, wanted)
    assert (found and of(found)) == (reason and (reason, False))


def test_a_store_that_is_refused_waits_in_the_words_of_why() -> None:
    found = not_accepted(Refusal("QuotaAbovePlan", "spec.quota.documents: 9"))
    assert (of(found), "spec.quota.documents: 9" in found.message) == (("NotAccepted", False), True)


@pytest.mark.parametrize(
    ("phase", "more", "reason"),
    [
        ("Completed", {}, None),
        (None, {}, ("BackupNotComplete", False)),
        ("Running", {}, ("BackupNotComplete", False)),
        ("Verifying", {}, ("BackupNotComplete", False)),
        ("Completed", {"storeUid": None}, ("BackupNotComplete", False)),
        ("Failed", {"reason": "StoreAway"}, ("BackupFailed", True)),
        ("Deleting", {}, ("BackupNotFound", False)),
    ],
)
def test_a_backup_is_waited_for_until_it_is_whole(phase: Any, more: Any, reason: Any) -> None:
    known = shelf(backup_object(NOW, phase, name="nightly", **more))
    found = sought(new(), "tenants", known)
    assert (reason is None) == isinstance(found, Backup)
    assert reason is None or of(found) == reason


def test_one_that_goes_is_none() -> None:
    gone = backup_object(NOW, name="nightly")
    gone["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z"
    assert of(sought(new(), "tenants", shelf(gone))) == ("BackupNotFound", False)


@pytest.mark.parametrize(
    ("grants", "granted"),
    [
        ((), False),
        ((grant("strangers"),), False),
        ((grant("others", names=["weekly"]),), False),
        ((grant("others", names=[]),), False),
        ((grant("strangers", "others"),), True),
        ((grant("others", names=["weekly", "nightly"]),), True),
    ],
)
def test_another_namespace_s_needs_a_grant_and_nobody_learns_what_there_is(
    grants: tuple[Object, ...], granted: bool
) -> None:
    known = shelf(backup_object(NOW, name="nightly"), *grants)
    found = sought(new(namespace="tenants"), "others", known)
    assert isinstance(found, Backup) == granted
    if not granted:
        assert found == sought(new(namespace="tenants"), "others", shelf())
    for phase in ("Failed", "Running"):
        other = shelf(backup_object(NOW, phase, name="nightly"), *grants)
        assert granted or sought(new(namespace="tenants"), "others", other) == found


def test_a_grant_elsewhere_grants_nothing() -> None:
    elsewhere = grant("others")
    elsewhere["metadata"]["namespace"] = "others"
    known = shelf(backup_object(NOW, name="nightly"), elsewhere)
    assert of(sought(new(namespace="tenants"), "others", known)) == ("BackupNotFound", False)


def test_another_model_s_vectors_do_not_compare() -> None:
    wanted = resolved()
    for ask in (new(), IN_PLACE):
        assert of(of_contents(ask, store(), wanted, {"model": "none"})) == ("WrongModel", True)
        assert of_contents(ask, store(), wanted, {"model": "all-MiniLM-L6-v2"}) is None
        assert of_contents(ask, store(), wanted, {}) is None


def test_more_documents_than_the_quota_name_the_field() -> None:
    wanted = resolved(quota={"documents": 100})
    assert of_contents(new(), store(), wanted, {"documents": 100}) is None
    found = of_contents(new(), store(), wanted, {"documents": 101})
    assert of(found) == ("AboveQuota", False)
    assert found
    assert "spec.quota.documents: 100, and the backup has 101" in found.message
    assert of(of_contents(IN_PLACE, store(), wanted, {"documents": 101})) == ("AboveQuota", True)


@pytest.mark.parametrize(
    ("ask", "capacity", "size", "held", "says"),
    [
        (new(), None, GI, 0, None),
        (new(), None, GI + 1, 0, "the volume has 1Gi, and the backup takes 1073741825; raise it to 1171Mi at least"),
        (new(), GI // 2, 700 * MI, 0, "the volume has 512Mi, and the backup takes 700Mi; raise it to 800Mi at least"),
        (new(), 2 * GI, 2 * GI, GI, None),  # what a new store tells it holds is what waits
        (IN_PLACE, None, GI // 2, GI // 2, None),
        (IN_PLACE, None, 700 * MI, 700 * MI, "beside the 700Mi that the store holds meanwhile; raise it to 1600Mi"),
    ],
)
def test_a_volume_without_room_is_told_by_its_field(
    ask: Ask, capacity: int | None, size: int, held: int, says: str | None
) -> None:
    growth = Growth(Volume(claimed=GI, capacity=capacity), size=GI, wanted=GI, room=GI)
    found = of_contents(ask, store(bytes=held), replace(resolved(), growth=growth), {"bytes": size})
    assert (found is None) == (says is None)
    if found and says:
        assert of(found) == ("VolumeTooSmall", ask.in_place)
        assert "spec.storage.size" in found.message
        assert says in found.message


@pytest.mark.parametrize(
    ("port", "begins", "in_place"),
    [
        (None, ("StoreNotUp", False), ("StoreNotUp", False)),
        (Port("proving"), ("Busy", False), ("Busy", False)),
        (Port("unknown"), ("VersionTooOld", False), ("VersionTooOld", False)),
        (Port("waiting"), None, None),
        (Port("none"), ("StoreHoldsData", True), None),
        (Port("done", "another"), ("StoreHoldsData", True), None),
    ],
)
def test_what_the_leader_says(port: Port | None, begins: Any, in_place: Any) -> None:
    for ask, reason in ((new(), begins), (IN_PLACE, in_place)):
        found = of_port(ask, "acme", port)
        assert (found and of(found)) == reason


def test_every_reason_has_its_row_in_the_docs() -> None:
    page = Path(__file__).parents[3] / "docs" / "conditions.md"
    rows = re.findall(r"^\| (`.*?) \|", page.read_text().partition("## Restored")[2].partition("\n## ")[0], re.M)
    told = {reason for row in rows for reason in re.findall(r"`(\w+)`", row)}
    code = "".join(path.read_text() for path in Path(restores.__file__).parent.glob("*.py"))
    reasons = set(re.findall(r"""(?:Hindrance\(\s*|reason=)"(\w+)\"""", code)) - {"TakenBack"}  # no condition tells it
    assert reasons <= told, reasons - told
    assert {"BackupNotFound", "JobRefused", "Unreadable"} <= reasons


def test_a_leader_s_answer_is_read() -> None:
    assert read({"phase": "waiting", "receivedBytes": 0, "error": None}) == Port("waiting")
    record = {"archive": "x", "run": "r", "compared": {"documents": 7}}
    assert read({"phase": "done", "restored": record}) == Port("done", "r", 7)
    assert read({"phase": "done", "restored": {"archive": "x"}}) == Port("done")
    with pytest.raises(KeyError):
        read({})
