"""The numbers of keys and limits: higher with every change, the same while nothing changed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.desired import PLATFORM, store, with_credentials

from vectorstore_operator import diff
from vectorstore_operator.objects import Object, key
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render import desired
from vectorstore_operator.render.editions import edition

KEYS, LIMITS = ("Secret", "acme-keys"), ("ConfigMap", "acme-limits")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MILLISECONDS = int(NOW.timestamp()) * 1000


def rendered(resolved: Resolved, *live: Object, now: datetime = NOW) -> dict[tuple[str, str], Object]:
    phases = desired(resolved, PLATFORM, with_credentials(resolved, *live), now)
    return {key(obj): obj for phase in phases for obj in phase}


def number(obj: Object) -> int:
    if obj["kind"] == "Secret":
        return int(base64.b64decode(obj["data"]["generation"]))
    return int(json.loads(obj["data"]["limits.json"])["generation"])


@pytest.mark.parametrize(
    ("live", "same", "least", "expected"),
    [
        (None, False, 1, MILLISECONDS),
        (7, True, 1, 7),
        (7, False, 1, MILLISECONDS),
        (MILLISECONDS + 9, False, 1, MILLISECONDS + 10),
        (None, True, 1, MILLISECONDS),
        (7, False, MILLISECONDS * 2, MILLISECONDS * 2),
    ],
)
def test_a_number_stays_or_grows_whatever_the_clock_says(
    live: int | None, same: bool, least: int, expected: int
) -> None:
    assert edition(live, same, NOW, least) == expected


@pytest.mark.parametrize("name", [KEYS, LIMITS])
def test_a_second_look_finds_the_same_edition(name: tuple[str, str]) -> None:
    first = rendered(store())[name]
    assert number(first) == MILLISECONDS
    later = rendered(store(generation=2, replicas=1), first, now=datetime(2027, 1, 1, tzinfo=UTC))[name]
    assert later == first


@pytest.mark.parametrize(
    ("name", "change"), [(LIMITS, {"quota": {"documents": 5}}), (KEYS, {"uid": "another: other tokens"})]
)
def test_a_change_is_a_higher_number(name: tuple[str, str], change: dict[str, Any]) -> None:
    first = rendered(store())[name]
    changed = rendered(store(**change), first)[name]
    assert number(changed) == number(first) + 1, "at the same time"


def test_an_edition_whose_object_is_gone_is_numbered_higher_than_it_was() -> None:
    for name in (KEYS, LIMITS):
        assert number(rendered(store(), now=datetime(2026, 1, 2, tzinfo=UTC))[name]) > MILLISECONDS


@pytest.mark.parametrize("spoiled", ["", "-1", "many", "[]"])
def test_a_spoiled_number_is_replaced(spoiled: str) -> None:
    first = rendered(store())
    keys, limits = first[KEYS], first[LIMITS]
    text = limits["data"]["limits.json"].replace(str(MILLISECONDS), json.dumps(spoiled))
    spoiled_keys = {**keys, "data": keys["data"] | {"generation": base64.b64encode(spoiled.encode()).decode()}}
    found = rendered(store(), spoiled_keys, {**limits, "data": {"limits.json": text}})
    assert number(found[KEYS]) == number(found[LIMITS]) == MILLISECONDS


def test_what_an_earlier_release_rendered_stays_until_it_changes() -> None:
    """Neither keys without a number nor limits with a low one are written anew."""
    first = rendered(store(), now=datetime.fromtimestamp(0, UTC))
    keys = first[KEYS]
    former = {**keys, "data": {name: content for name, content in keys["data"].items() if name != "generation"}}
    again = rendered(store(), former, first[LIMITS])
    assert again[KEYS]["data"] == former["data"]
    assert number(again[LIMITS]) == 1
    assert diff.subset(again[LIMITS], first[LIMITS])
    changed = rendered(store(uid="another"), former)[KEYS]
    assert number(changed) == MILLISECONDS
