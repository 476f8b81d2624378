"""What is changed of a store without bringing it about anew: whether `up` may touch it, and its keys."""

from __future__ import annotations

from vectorstore_operator.local.folder import Home
from vectorstore_operator.local.stores import Say, existing, locked

TENANT_KEYS = ("read-write", "read-only")


def pause(home: Home, name: str, paused: bool, say: Say) -> None:
    """Lets `up` leave a store as it is, or look after it again; what runs goes on, and nothing else is changed.

    Raises:
        Problem: there is no store of that name.
    """
    with locked(home, [name], say):
        folder, record = existing(home, name)
        spec = record.spec.model_copy(update={"paused": paused or None})
        folder.write_record(record.model_copy(update={"spec": spec}))


def rotate_keys(home: Home, name: str, revoke: bool, say: Say) -> None:
    """Gives a store new keys; the former ones stay valid until the next time, unless they are to be void at once.

    Raises:
        Problem: there is no store of that name.
    """
    with locked(home, [name], say):
        folder, _ = existing(home, name)
        for role in TENANT_KEYS:
            folder.rotate_key(role, revoke=revoke)
