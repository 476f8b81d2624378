"""The tenant's Secret apart from its keys: what it is for, and the address, which follows the store.

It is patched entry by entry onto the edition that was read. Nothing else in the Secret is stated, so no
key is touched, whoever put it there.
"""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.keys.secretdata import encoded
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.address import address


def entries(store: Resolved) -> dict[str, str]:
    """What a client takes it for and where it reaches the store, as entries of a service binding."""
    where = address(store)
    what = {"type": "chroma", "provider": names.MANAGER}
    return what | {"host": where.host, "port": str(where.port), "url": where.url}


def moved(store: Resolved, live: Object) -> Object | None:
    """The merge patch that puts the right entries into a live Secret; None where they are there."""
    wanted = {entry: encoded(text) for entry, text in entries(store).items()}
    given = live.get("data") or {}
    if all(given.get(entry) == text for entry, text in wanted.items()):
        return None
    return {"data": wanted}
