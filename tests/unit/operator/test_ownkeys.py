"""Which Secrets can be a store's keys."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from vectorstore_operator.keys.ownkeys import unusable

GOOD = "0123456789abcdef"


def secret(**entries: str) -> dict[str, Any]:
    return {"data": {k.replace("_", "-"): base64.b64encode(v.encode()).decode() for k, v in entries.items()}}


@pytest.mark.parametrize("entries", [{"read_write": GOOD}, {"read_only": f"\n{GOOD}\n\n {GOOD}-2 \n"}])
def test_one_entry_with_keys_is_enough(entries: dict[str, str]) -> None:
    assert unusable("acme", "mine", secret(**entries)) is None


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({}, "no key in read-write or read-only"),
        ({"read_write": " \n"}, "no key"),
        ({"password": GOOD}, "no key"),
        ({"read_write": GOOD, "read_only": "tiny"}, "key 1 in read-only of Secret 'mine' has 4 characters"),
        ({"read_write": f"{GOOD}\nfifteen-letters"}, "key 2 in read-write of Secret 'mine' has 15 characters"),
        ({"read_write": "with a space in it"}, "cannot be a key"),
        ({"read_write": "schlüssel-schlüssel"}, "cannot be a key"),
        ({"read_write": "sha256:" + 64 * "a"}, "no digest"),
        ({"read_write": "\n".join(f"{GOOD}-{n}" for n in range(101))}, "101 keys"),
    ],
)
def test_what_cannot_be_used_is_named_and_no_key_told(entries: dict[str, str], said: str) -> None:
    refusal = unusable("acme", "mine", secret(**entries))
    assert refusal is not None
    assert refusal.reason == "KeysSecretInvalid"
    assert said in refusal.message
    assert not any(key in refusal.message for text in entries.values() for key in text.split() if len(key) > 8)


@pytest.mark.parametrize("name", ["acme-credentials", "acme-keys"])
def test_what_is_made_of_the_keys_cannot_be_their_source(name: str) -> None:
    refusal = unusable("acme", name, secret(read_write=GOOD))
    assert refusal
    assert "Secret of your own" in refusal.message


def test_a_secret_that_is_not_there_says_what_to_make() -> None:
    refusal = unusable("acme", "mine", None)
    assert refusal
    assert refusal.reason == "KeysSecretNotFound"
    assert "read-write and read-only" in refusal.message
