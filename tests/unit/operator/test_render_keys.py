"""Which keys the pods are told of: former and next ones, and those of a tenant's own Secret."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.desired import PLATFORM, given_credentials, store, with_credentials

from vectorstore_operator.api.keys import StoreKeys
from vectorstore_operator.keys import keybook
from vectorstore_operator.objects import Object, key
from vectorstore_operator.render import desired, keys

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def digests(
    role: str, *others: Object, now: datetime = NOW, entries: dict[str, str], record: Object | None = None, **spec: Any
) -> list[str] | None:
    """What the pods' Secret has of a role; None where there is no such Secret."""
    resolved = store(**spec)
    children = dict(with_credentials(resolved, *others))
    children["Secret", "acme-credentials"]["data"] |= {name: encoded(text) for name, text in entries.items()}
    children["Secret", "acme-credentials"]["metadata"]["annotations"] = record or {}
    found = {key(obj): obj for phase in desired(resolved, PLATFORM, children, now) for obj in phase}
    if ("Secret", "acme-keys") not in found:
        return None
    return base64.b64decode(found["Secret", "acme-keys"]["data"][role]).decode().split()


def test_next_and_former_keys_are_valid_and_expired_ones_are_not() -> None:
    entries = {
        "read-write-next": "next",
        "read-write-until-20260101T000001Z": "former",
        "read-write-until-20260101T000000Z": "expired",
        "read-only-next": "another role's",
    }
    assert digests("read-write", entries=entries) == [
        keys.digest(text) for text in ("the read-write key", "next", "former")
    ]


@pytest.mark.parametrize(("taken", "shown"), [(False, ["the read-write key"]), (True, [])])
def test_keys_of_ones_own_take_the_place_of_those_in_force_alone(taken: bool, shown: list[str]) -> None:
    mine = {"kind": "Secret", "metadata": {"name": "mine"}, "data": {"read-write": encoded("mine\nmine too\n")}}
    entries = {"read-write-until-20260101T000001Z": "former"}
    asked = {"secretName": "mine"}
    record = keybook.first_record(StoreKeys(secret_name="mine")) if taken else {}
    assert digests("read-write", mine, entries=entries, record=record, keys=asked) == [
        keys.digest(text) for text in ("mine", "mine too", *shown, "former")
    ]
    assert digests("read-only", mine, entries={}, record=record, keys=asked) == (
        [] if taken else [keys.digest("the read-only key")]
    )
    assert digests("read-write", entries=entries, keys=asked) is None, "not seen yet: what is there stays"


@pytest.mark.parametrize("given", [None, "the read-only key"])
def test_credentials_have_the_entries_there_are_keys_for(given: str | None) -> None:
    assert ("read-only" in keys.credentials(store(), "key", given)["data"]) is bool(given)


def test_labels_and_owner_are_given_back_and_nothing_else_is_stated() -> None:
    fresh, live = given_credentials(store()), given_credentials(store())
    assert keys.reclaimed(live, fresh) is None
    live["metadata"]["labels"] = {"team": "a", "app.kubernetes.io/name": "other"}
    live["metadata"]["ownerReferences"] = [{"uid": "another's", "kind": "X", "name": "x"}]
    change = keys.reclaimed(live, fresh)
    assert change == {
        "metadata": {
            "labels": fresh["metadata"]["labels"],
            "ownerReferences": [{"uid": "another's", "kind": "X", "name": "x"}, *fresh["metadata"]["ownerReferences"]],
        }
    }
