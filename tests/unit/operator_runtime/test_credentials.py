"""Secrets that are made once, whoever comes first."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from vectorstore_operator.cluster.errors import Conflict
from vectorstore_operator.keys.secretdata import fresh_key
from vectorstore_operator.reconcile.credentials import once, operator_secret

FRESH = {"metadata": {"namespace": "ns", "name": "s"}, "data": {"key": "new"}}


class Secrets:
    """A namespace of Secrets; `rival` is made by somebody else between a look and the creation."""

    def __init__(self, live: dict[str, Any] | None = None, rival: dict[str, Any] | None = None) -> None:
        self.live, self.rival = live, rival
        self.made: list[dict[str, Any]] = []

    async def get(self, kind: object, namespace: str, name: str) -> dict[str, Any] | None:
        return self.live

    async def create(self, obj: dict[str, Any]) -> dict[str, Any]:
        self.live = self.rival or self.live
        if self.live:
            raise Conflict("exists")
        self.live = obj
        self.made.append(obj)
        return obj


async def test_what_is_there_is_kept() -> None:
    live = {"data": {"key": "old"}}
    assert await once(Secrets(live), FRESH) == (live, False)  # type: ignore[arg-type]


async def test_what_another_made_meanwhile_is_kept() -> None:
    rival = {"data": {"key": "theirs"}}
    assert await once(Secrets(rival=rival), FRESH) == (rival, False)  # type: ignore[arg-type]


async def test_the_operator_secret_is_made_once_and_then_the_same() -> None:
    secrets = Secrets()
    first = await operator_secret(secrets, "ns", "s", None)  # type: ignore[arg-type]
    second = await operator_secret(secrets, "ns", "s", None)  # type: ignore[arg-type]
    assert first == second
    assert len(secrets.made) == 1
    assert len(base64.urlsafe_b64decode(first + b"=")) == 32


async def test_a_file_comes_before_the_secret_and_must_not_be_empty(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")
    assert await operator_secret(Secrets(), "ns", "s", file) == b"from a file"  # type: ignore[arg-type]
    file.write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        await operator_secret(Secrets(), "ns", "s", file)  # type: ignore[arg-type]


def test_keys_are_never_the_same() -> None:
    assert fresh_key() != fresh_key()
