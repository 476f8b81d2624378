"""Answers of the API server, told apart by how to go on."""

from __future__ import annotations

import json

import pytest

from vectorstore_operator.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Terminating,
    Throttled,
    Transient,
    from_answer,
)
from vectorstore_operator.cluster.pausing import pause


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, Invalid),
        (429, Throttled),
        (500, Transient),
        (503, Transient),
    ],
)
def test_a_status_is_an_error_of_its_class(status: int, kind: type[ClusterError]) -> None:
    assert type(from_answer(status, b'{"message":"why"}', None, "PATCH /x")) is kind


def test_a_namespace_that_goes_away_is_no_missing_permission() -> None:
    body = {"message": "being terminated", "details": {"causes": [{"reason": "NamespaceTerminating"}]}}
    assert type(from_answer(403, json.dumps(body).encode(), None, "POST /x")) is Terminating


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"details":null}', b'{"details":{"causes":null}}'])
def test_whatever_a_proxy_says_is_an_error(body: bytes) -> None:
    assert "PATCH /x" in str(from_answer(403, body, None, "PATCH /x"))


def test_throttling_says_for_how_long() -> None:
    assert from_answer(429, b"", "7", "GET /x").retry_after == 7


def test_the_wait_after_a_failure_doubles_and_is_never_shorter_than_what_is_asked_for() -> None:
    assert 0.15 <= pause(Transient("down"), 1) <= 0.25
    assert 150 <= pause(Transient("down"), 11) <= 256
    assert pause(Transient("down"), 30) <= 375
    assert 2 <= pause(Throttled("busy", 2.0), 1) <= 2.5
    assert 150 <= pause(Throttled("busy", 2.0), 11) <= 256, "who is asked again and again still waits longer each time"
    assert pause(Throttled("busy", 0.0), 3) >= 0.6, "no hot loop where nothing is asked for"
    assert pause(Throttled("busy", 1e9), 1) <= 375
