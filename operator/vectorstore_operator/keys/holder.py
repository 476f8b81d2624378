"""Whose keys, and what its spec says of them: all that keys need of a store, be it accepted or not."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from vectorstore_operator.api.keys import StoreKeys
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved


@dataclass(frozen=True)
class Holder:
    """A store that has keys."""

    name: str
    namespace: str
    uid: str
    asked: StoreKeys


def holder(store: Resolved) -> Holder:
    """Of a store in full."""
    return Holder(store.name, store.namespace, store.uid, store.spec.keys or StoreKeys())


def holder_of(live: Object) -> Holder | None:
    """Of a store as it is, of whose spec nothing else may be right; None where its keys cannot be read."""
    meta, asked = live["metadata"], asked_of(live)
    return Holder(meta["name"], meta["namespace"], meta["uid"], asked) if asked else None


def asked_of(live: Object) -> StoreKeys | None:
    """What a store's spec says of keys; None where that cannot be read."""
    try:
        return StoreKeys.model_validate((live.get("spec") or {}).get("keys") or {})
    except ValidationError:
        return None
