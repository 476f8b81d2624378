"""Answers of the API server, told apart by how to go on."""

from __future__ import annotations

import json

import pytest

from vectorstore_operator.errors import (
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
