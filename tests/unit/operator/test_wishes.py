"""What a tenant's instance asks for is carried out as far as a tenant may go, and no further."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.desired import sized, store
from tests.support.shelved import UID, backup

from vectorstore_operator.backups.tenants import wishes
from vectorstore_operator.backups.tenants.wishes import KEPT, Wish
from vectorstore_operator.cluster.cache import Key

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
ACME = Key("tenants", "acme")
STORE = {"metadata": {"namespace": "tenants", "name": "acme", "uid": UID}, "spec": {}}
BACKUP = Wish("asked-20261122035900-00000001", "backup", NOW)
RESTORE = Wish("asked-20261122035900-00000002", "restore", NOW, backup="nightly")


def shown(**changes: Any) -> dict[str, Any]:
    return {"id": BACKUP.id, "verb": "backup", "asked": "2026-11-22T04:00:00Z"} | changes


def earlier(number: int) -> Any:
    return backup(NOW - timedelta(days=1), name=f"asked-20261121000000-{number:08x}", scheduled=False)


def test_a_wish_is_read_as_the_instance_shows_it() -> None:
    assert wishes.read([shown(), shown(verify=False)]) == (BACKUP, Wish(BACKUP.id, "backup", NOW, verify=False))


@pytest.mark.parametrize(
    "answer",
    [
        *(None, "x", {}, [1], [{}]),
        *([shown(id=id_)] for id_ in ("nightly", "asked-1", BACKUP.id + "/../x", BACKUP.id + "\n", 7)),
        *([shown(verb="delete")], [shown(asked="soon")], [shown(asked=7)]),
    ],
)
def test_what_is_no_wish_is_passed_over(answer: object) -> None:
    assert wishes.read(answer) == ()


def test_an_instance_is_listened_to_so_long() -> None:
    assert len(wishes.read([shown()] * 1000)) == wishes.MOST


def test_a_backup_is_made_of_the_asking_store_alone_and_goes_with_its_archive() -> None:
    made = wishes.wanted(ACME, Wish(BACKUP.id, "backup", NOW, verify=True))
    assert made["spec"] == {"store": "acme", "deletionPolicy": "Delete", "verify": True}
    assert (made["metadata"]["name"], made["metadata"]["namespace"]) == (BACKUP.id, "tenants")
    assert "vectorstore.dev/scheduled" not in made["metadata"]["labels"], "a schedule would prune it"


def test_one_backup_at_a_time_and_only_so_many_are_kept() -> None:
    assert wishes.refused(BACKUP, STORE, [backup(NOW, "Running", name="nightly")], NOW) is None
    running = backup(NOW, "Running", name="asked-20261121000000-00000009")
    assert "under way" in str(wishes.refused(BACKUP, STORE, [running], NOW))
    assert wishes.refused(BACKUP, STORE, [backup(NOW, "Running", name=BACKUP.id)], NOW) is None, "it is this one"
    assert wishes.refused(BACKUP, STORE, [earlier(n) for n in range(KEPT - 1)], NOW) is None
    assert "that is the most" in str(wishes.refused(BACKUP, STORE, [earlier(n) for n in range(KEPT)], NOW))


def test_only_a_complete_backup_of_the_store_itself_is_restored() -> None:
    good = backup(NOW - timedelta(days=1), name="nightly")
    assert wishes.refused(RESTORE, STORE, [good], NOW) is None
    for wrong in (
        [],
        [backup(NOW, "Running", name="nightly")],
        [backup(NOW, name="other")],
        [backup(NOW, name="nightly", storeUid=None)],
    ):
        assert "no complete backup 'nightly'" in str(wishes.refused(RESTORE, STORE, wrong, NOW))
    former = backup(NOW, name="nightly", storeUid="of the store that had the name before")
    assert wishes.own(STORE, [former]) == []


def test_a_restore_that_is_seen_late_gives_nothing_up() -> None:
    good = [backup(NOW - timedelta(days=1), name="nightly")]
    assert "ask again" in str(wishes.refused(RESTORE, STORE, good, NOW + timedelta(hours=2)))
    after = STORE | {"status": {"restore": {"request": "another", "finishedAt": "2026-11-22T04:01:00Z"}}}
    assert "ask again" in str(wishes.refused(RESTORE, after, good, NOW + timedelta(minutes=2)))
    once = STORE | {"status": {"restore": {"request": "another", "phase": "Waiting", "former": [RESTORE.id]}}}
    assert "ask again" in str(wishes.refused(RESTORE, once, good, NOW))
    begun = STORE | {"status": {"restore": {"request": RESTORE.id, "phase": "Restoring"}}}
    assert wishes.refused(RESTORE, begun, good, NOW + timedelta(hours=2)) is None


def test_an_instance_is_told_how_all_stands_and_nothing_of_where_it_is_kept() -> None:
    own = {"s3": {"bucket": "secret-bucket"}, "secretName": "s"}
    good = backup(NOW, name="nightly", size=7, own=own, destination="s3://secret-bucket")
    failed = backup(NOW, "Failed", name=BACKUP.id, scheduled=False, reason="NoSuchBucket")
    restored = STORE | {"status": {"restore": {"request": RESTORE.id, "phase": "Failed", "reason": "WrongModel"}}}
    told = wishes.told(restored, [good, failed], [RESTORE, BACKUP], {"asked-x": "no"})
    assert told["backups"] == [
        {"id": "nightly", "state": "completed", "taken": "2026-11-22T04:00:00Z", "size": 7, "asked": False},
        {"id": BACKUP.id, "state": "failed", "message": "NoSuchBucket", "asked": True},
    ]
    assert told["outcomes"] == [
        {"id": "asked-x", "state": "failed", "message": "no"},
        {"id": RESTORE.id, "state": "failed", "message": "WrongModel: the store holds what it held"},
    ]
    assert "secret" not in str(told)


def test_the_plan_decides_and_tells_the_instance() -> None:
    by_keys = {"documents": 1000, "backup": {"byTenants": True}}
    assert store(sized("p", by_keys)).limits.backups
    assert "backups" not in store(sized("p", {"documents": 1000, "backup": {}})).limits.model_dump(exclude_unset=True)
    assert wishes.allowed({"spec": by_keys})
    for other in (None, {}, {"spec": {}}, {"spec": {"backup": {"byTenants": False}}}):
        assert not wishes.allowed(other)
