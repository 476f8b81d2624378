"""pause and resume: whether `vectorstore up` may touch a store, kept in its record."""

from __future__ import annotations

from vectorstore_operator.local.folder import Home
from vectorstore_operator.local.stores import Say, existing, locked


def pause(home: Home, name: str, paused: bool, say: Say) -> None:
    """Lets `up` leave a store as it is, or look after it again; what runs goes on, and nothing else is changed.

    Raises:
        Problem: there is no store of that name.
    """
    with locked(home, [name], say):
        folder, record = existing(home, name)
        spec = record.spec.model_copy(update={"paused": paused or None})
        folder.write_record(record.model_copy(update={"spec": spec}))
