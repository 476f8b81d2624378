"""The Secret with a tenant's own keys: whether it can be used. Pure."""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.keys.keybook import ROLES, lines
from vectorstore_operator.objects import Object
from vectorstore_operator.refusal import Refusal

SHORTEST = 16
"""Characters of a key."""
MOST = 100
"""Keys of a role."""
AGAIN = 10.0
"""Seconds until a Secret that cannot be used is looked at again."""


def unusable(store: str, secret: str, live: Object | None) -> Refusal | None:
    """Why the Secret that `spec.keys.secretName` names cannot be used; it names no key."""
    if secret in (names.credentials(store), names.keys(store)):
        return _invalid(f"{secret!r} is what the operator makes of the keys; name a Secret of your own")
    if live is None:
        return Refusal(
            "KeysSecretNotFound",
            f"spec.keys.secretName: there is no Secret {secret!r} in the store's namespace; make it, with the entries "
            f"{' and '.join(ROLES)} or one of them, a key per line, or leave the field out",
            again=AGAIN,
        )
    if not any(lines(live, role) for role in ROLES):
        return _invalid(f"Secret {secret!r} has no key in {' or '.join(ROLES)}; write one per line there")
    return next((refusal for role in ROLES if (refusal := _entry(secret, role, lines(live, role)))), None)


def _entry(secret: str, role: str, keys: list[str]) -> Refusal | None:
    if len(keys) > MOST:
        return _invalid(f"Secret {secret!r} has {len(keys)} keys in {role}, and {MOST} are allowed; take some away")
    for number, key in enumerate(keys, 1):
        which = f"key {number} in {role} of Secret {secret!r}"
        if len(key) < SHORTEST:
            return _invalid(f"{which} has {len(key)} characters, and a key needs {SHORTEST}; make a longer one")
        if not (key.isascii() and key.isprintable() and " " not in key) or key.startswith("sha256:"):
            return _invalid(f"{which} cannot be a key: use letters, digits and -._~+/= and no digest")
    return None


def _invalid(message: str) -> Refusal:
    return Refusal("KeysSecretInvalid", f"spec.keys.secretName: {message}", again=AGAIN)
