"""The address in the tenant's Secret: the one part of it that follows the store after it was made.

It is patched entry by entry onto the edition that was read. Nothing else in the Secret is stated, so no
key is touched, whoever put it there.
"""

from __future__ import annotations

from vectorstore_operator.address import address
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.secretdata import encoded


def entries(store: Resolved) -> dict[str, str]:
    """Where clients reach the store, as entries of a service binding."""
    where = address(store)
    return {"host": where.host, "port": str(where.port), "url": where.url}


def moved(store: Resolved, live: Object) -> Object | None:
    """The merge patch that puts the right address into a live Secret; None where it is there."""
    wanted = {entry: encoded(text) for entry, text in entries(store).items()}
    given = live.get("data") or {}
    if all(given.get(entry) == text for entry, text in wanted.items()):
        return None
    return {"data": wanted}
