"""The exchange of keys, step by step: whatever happens in between, the key that a tenant reads works."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vectorstore_operator.api.keys import StoreKeys
from vectorstore_operator.keys import keybook, rotation
from vectorstore_operator.keys.secretdata import decoded
from vectorstore_operator.objects import Object

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROLES = keybook.ROLES


def secret(**entries: str) -> Object:
    data = {name.replace("_", "-"): base64.b64encode(text.encode()).decode() for name, text in entries.items()}
    return {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "data": data}


def own(name: str = "mine", **entries: str) -> Object:
    """A Secret of the tenant's."""
    given = secret(**entries)
    given["metadata"]["name"] = name
    return given


class Vault:
    """A store's credentials under a spec that changes, and what pods know of them."""

    def __init__(self, **asked: Any) -> None:
        self.live = secret(url="http://acme", read_write="rw-0", read_only="ro-0")
        self.live["metadata"]["annotations"] = keybook.first_record(self.spec(**asked))
        self.fresh = (f"key-{n}" for n in itertools.count(1))
        self.now, self.given = NOW, None

    def spec(self, **asked: Any) -> StoreKeys:
        self.asked = StoreKeys.model_validate(asked)
        return self.asked

    def merge(self, change: Object) -> None:
        """What the API server makes of a merge patch."""
        for part, content in (
            ("data", change.get("data")),
            ("annotations", change.get("metadata", {}).get("annotations")),
        ):
            target = self.live["data"] if part == "data" else self.live["metadata"].setdefault("annotations", {})
            for name, value in (content or {}).items():
                target.pop(name, None)
                if value is not None:
                    target[name] = value

    def step(self, *, spread: bool = True) -> bool:
        """One step; whether there was one."""
        change = rotation.step(
            self.live, self.asked, self.now, spread=spread, fresh=lambda: next(self.fresh), given=self.given
        )
        if change is not None:
            self.merge(change)
        return change is not None

    def settle(self) -> int:
        """Steps until nothing is left to do; how many."""
        return next(n for n in range(10) if not self.step())

    def shown(self, role: str = "read-write") -> str:
        return decoded(self.live, role)

    def valid(self, role: str = "read-write") -> list[str]:
        return keybook.valid(self.live, role, self.now, self.given)

    @property
    def told(self) -> dict[str, Any]:
        status = keybook.told(self.live, self.asked)
        assert status
        return status.model_dump(by_alias=True, exclude_none=True)


def test_what_was_asked_before_the_store_was_made_is_not_done_again() -> None:
    vault = Vault(rotate="1", revoke="1")
    assert vault.settle() == 0
    assert Vault().live["metadata"]["annotations"] == {}, "a store that asks for nothing has no record"


def test_a_changed_request_rotates_once_with_overlap() -> None:
    vault = Vault(rotate="1")
    vault.spec(rotate="2")
    assert vault.settle() == 2
    assert (vault.shown(), vault.shown("read-only")) == ("key-1", "key-2")
    assert vault.valid() == ["key-1", "rw-0"]
    assert vault.told == {
        "rotatedAt": "2026-01-01T12:00:00Z",
        "formerValidUntil": "2026-01-02T12:00:00Z",
        "rotate": "2",
    }
    vault.spec()
    assert vault.settle() == 0, "taken away"
    vault.spec(rotate="2")
    assert vault.settle() == 0, "and put back"


def test_the_key_that_is_shown_is_valid_before_it_is_shown() -> None:
    vault = Vault()
    vault.spec(rotate="1")
    assert vault.step()
    assert vault.shown() == "rw-0"
    assert vault.valid() == ["rw-0", "key-1"]
    assert not vault.step(spread=False), "a pod does not know it yet"
    assert vault.shown() == "rw-0"
    assert keybook.again(vault.live, vault.asked, vault.now) == 0.5
    vault.now += rotation.PATIENCE[False]
    assert vault.step(spread=False), "it has read its files"
    assert vault.shown() == "key-1"


def test_former_keys_end_when_their_time_is_over() -> None:
    vault = Vault()
    vault.spec(rotate="1", overlapHours=2)
    vault.settle()
    assert keybook.again(vault.live, vault.asked, vault.now) == 7200
    vault.now += HOUR
    assert vault.settle() == 0
    vault.now += HOUR
    assert vault.valid() == ["key-1"], "even where it cannot be written"
    assert vault.settle() == 1
    assert set(vault.live["data"]) == {"url", *ROLES}
    assert "formerValidUntil" not in vault.told
    assert keybook.again(vault.live, vault.asked, vault.now) is None


def test_each_former_key_has_its_own_end() -> None:
    vault = Vault()
    for hour, request in enumerate(("1", "2")):
        vault.now = NOW + hour * HOUR
        vault.spec(rotate=request, overlapHours=2)
        vault.settle()
    assert vault.valid() == ["key-3", "rw-0", "key-1"]
    vault.now = NOW + 2 * HOUR
    assert vault.valid() == ["key-3", "key-1"]


def test_no_more_former_keys_are_kept_than_a_secret_can_hold() -> None:
    vault = Vault()
    for number in range(20):
        vault.now += timedelta(seconds=1)
        vault.spec(rotate=str(number))
        vault.settle()
    assert len(vault.valid()) == 1 + rotation.KEPT


@pytest.mark.parametrize("asked", [{"revoke": "1"}, {"rotate": "2", "overlapHours": 0}, {"rotate": "2", "revoke": "1"}])
def test_a_revocation_leaves_no_other_key(asked: dict[str, Any]) -> None:
    vault = Vault()
    vault.spec(rotate="1")
    vault.settle()
    vault.spec(**asked)
    assert vault.settle() == 2
    assert vault.valid() == [vault.shown()] == ["key-3"]
    assert set(vault.live["data"]) == {"url", *ROLES}
    assert vault.settle() == 0


def test_a_revocation_does_not_wait_for_a_pod_that_hangs() -> None:
    vault = Vault()
    vault.spec(revoke="1")
    assert vault.step(spread=False)
    assert not vault.step(spread=False)
    vault.now += rotation.PATIENCE[True]
    assert vault.step(spread=False)
    assert vault.valid() == ["key-1"]


def test_a_revocation_in_the_middle_of_a_rotation_voids_what_was_made_for_it() -> None:
    vault = Vault()
    vault.spec(rotate="1")
    vault.step()
    vault.spec(rotate="1", revoke="1")
    vault.settle()
    assert vault.valid() == [vault.shown()] == ["key-3"]
    assert (vault.told["rotate"], vault.told["revoke"]) == ("1", "1")


def test_another_request_in_the_middle_of_a_rotation_is_done_after_it() -> None:
    vault = Vault()
    vault.spec(rotate="1")
    vault.step()
    vault.spec(rotate="2")
    assert vault.settle() == 3
    assert vault.valid()[0] == "key-3"
    assert vault.told["rotate"] == "2"


def test_keys_are_exchanged_by_the_calendar() -> None:
    vault = Vault()
    vault.spec(rotateEvery=30, overlapHours=24)
    assert vault.told["nextRotation"] == "2026-01-31T00:00:00Z", "counted from when they were made"
    assert vault.settle() == 0
    assert keybook.again(vault.live, vault.asked, vault.now) == 29.5 * 86400
    vault.now = NOW + 30 * DAY
    assert vault.settle() == 2
    assert vault.told["nextRotation"] == "2026-03-02T12:00:00Z"
    assert vault.valid() == ["key-1", "rw-0"]


def interrupted() -> Iterator[tuple[str, Vault]]:
    for asked in ({"rotate": "1"}, {"revoke": "1"}, {"rotate": "1", "overlapHours": 0}):
        for steps in range(4):
            vault = Vault()
            vault.spec(**asked)
            for _ in range(steps):
                vault.step()
            yield f"{asked} after {steps} steps", vault


@pytest.mark.parametrize(
    ("name", "vault"), list(interrupted()), ids=lambda given: given if isinstance(given, str) else ""
)
def test_a_kill_between_any_two_steps_leaves_a_key_that_works(name: str, vault: Vault) -> None:
    """Pods know what was valid before the last write at least: the digests follow every write."""
    for _ in range(4):
        known = {role: vault.valid(role) for role in ROLES}
        again = vault.step()
        assert all(vault.shown(role) in known[role] for role in ROLES)
        if not again:
            break
    assert vault.told.get("rotate") == vault.asked.rotate
    assert vault.shown() == "key-1", "once"


def test_spoiled_entries_are_no_keys_and_a_spoiled_record_is_none() -> None:
    vault = Vault()
    vault.live = secret(read_write="rw", read_only="ro") | {"data": secret(read_write="rw", read_only="ro")["data"]}
    vault.live["data"] |= {
        "read-write-until-soon": "a2V5",
        "read-write-until-20269999T000000Z": "a2V5",
        "read-write-until-20270101T000000Z": "a2V5",
    }
    for spoiled in ("{not json", '{"rotate":"' + "x" * 1000 + '"}'):
        vault.live["metadata"]["annotations"] = {keybook.ANNOTATION: spoiled}
        assert vault.valid() == ["rw", "key"]
        assert vault.settle() == 0
        assert keybook.told(vault.live, StoreKeys()) is None, "no status is too long"


def test_credentials_that_somebody_emptied_get_keys() -> None:
    vault = Vault()
    for role in ROLES:
        del vault.live["data"][role]
    assert vault.settle() == 1
    assert vault.valid() == [vault.shown()] == ["key-1"]


class TestOwnSecret:
    """Keys from a Secret of the tenant's own."""

    def test_they_take_the_place_of_those_that_were_made_with_overlap(self) -> None:
        vault = Vault()
        vault.spec(secretName="mine")
        vault.given = own(read_write="mine-1\nmine-2\n")
        assert vault.settle() == 2
        assert vault.shown() == "mine-1"
        assert vault.valid() == ["mine-1", "mine-2", "rw-0"]
        assert vault.valid("read-only") == ["ro-0"]
        assert vault.told["secretName"] == "mine"
        vault.now += DAY
        assert vault.settle() == 1
        assert (vault.valid(), vault.valid("read-only")) == (["mine-1", "mine-2"], [])

    def test_they_are_shown_when_pods_know_them(self) -> None:
        vault = Vault()
        vault.spec(secretName="mine")
        vault.given = own(read_write="mine-1")
        assert vault.step(spread=False)
        assert not vault.step(spread=False), "a pod does not know them yet"
        assert (vault.shown(), vault.valid()) == ("rw-0", ["mine-1", "rw-0"])
        assert "secretName" not in vault.told
        assert keybook.again(vault.live, vault.asked, vault.now) == keybook.LOOK
        vault.now += rotation.PATIENCE[False]
        assert vault.step(spread=False), "it has read its files"
        assert vault.shown() == "mine-1"

    def test_the_next_secret_is_shown_when_pods_know_it_and_voids_the_one_before(self) -> None:
        vault = Vault(secretName="mine")
        vault.given = own(read_write="mine-1")
        vault.settle()
        vault.spec(secretName="other")
        vault.given = own("other", read_write="other-1")
        vault.step()
        assert (vault.shown(), vault.valid()) == ("mine-1", ["other-1", "mine-1"])
        vault.settle()
        assert (vault.shown(), vault.valid()) == ("other-1", ["other-1"])

    @pytest.mark.parametrize("revoke", [None, "leak"])
    def test_what_is_taken_back_before_pods_know_it_leaves_the_keys_as_they_were(self, revoke: str | None) -> None:
        vault = Vault()
        vault.spec(secretName="mine")
        vault.given = own(read_write="mine-1")
        vault.step()
        vault.spec(revoke=revoke)
        vault.given = None
        vault.settle()
        assert vault.valid() == [vault.shown()] == ["key-1" if revoke else "rw-0"]
        assert keybook.again(vault.live, vault.asked, vault.now) is None

    def test_a_revocation_under_way_outlives_a_secret_that_is_taken_back(self) -> None:
        vault = Vault()
        vault.spec(revoke="leak")
        vault.step(spread=False)
        vault.spec(secretName="mine")
        vault.given = own(read_write="mine-1")
        vault.step(spread=False)
        vault.spec()
        vault.given = None
        vault.settle()
        assert vault.valid() == [vault.shown()] == ["key-3"]

    def test_a_change_there_that_is_taken_back_at_once_ends(self) -> None:
        vault = Vault()
        vault.spec(secretName="mine")
        vault.given = own(read_write="mine-1", read_only="mine-r")
        vault.settle()
        vault.now += DAY
        vault.settle()
        vault.given = own(read_write="mine-2", read_only="mine-r")
        vault.step()
        vault.given = own(read_write="mine-1", read_only="mine-r")
        assert vault.settle() == 1
        assert keybook.again(vault.live, vault.asked, vault.now) is None

    def test_a_key_that_is_taken_away_there_is_void_at_once(self) -> None:
        vault = Vault(secretName="mine")
        vault.given = own(read_write="mine-1", read_only="mine-r")
        vault.settle()
        vault.given = own(read_write="mine-2", read_only="mine-r")
        assert vault.valid() == ["mine-2"]
        assert vault.settle() == 2
        assert vault.valid() == [vault.shown()] == ["mine-2"]

    def test_without_overlap_those_that_were_made_are_void_at_once(self) -> None:
        vault = Vault()
        vault.spec(secretName="mine", overlapHours=0)
        vault.given = own(read_write="mine-1")
        vault.settle()
        assert vault.valid() == ["mine-1"]

    def test_back_again_the_keys_stay_and_missing_ones_are_made(self) -> None:
        vault = Vault(secretName="mine")
        vault.given = own(read_write="mine-1")
        vault.settle()
        vault.spec()
        vault.given = None
        assert vault.settle() == 1
        assert (vault.shown(), vault.shown("read-only")) == ("mine-1", "key-1")
        assert vault.valid() == ["mine-1"]
        vault.spec(rotate="1")
        vault.settle()
        assert vault.valid() == ["key-2", "mine-1"]


def test_a_revocation_under_way_is_kept_when_keys_come_from_elsewhere() -> None:
    vault = Vault()
    vault.spec(revoke="leak")
    assert vault.step(spread=False)
    vault.given = own(read_write="a-key-of-my-own-1")
    vault.spec(secretName="mine")
    vault.settle()
    assert (vault.valid(), vault.valid("read-only")) == (["a-key-of-my-own-1"], [])
    assert vault.told["revoke"] == "leak"
