"""What the tenant may do, as a file that pods read again when it changes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from vectorstore_operator import names
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.editions import EPOCH, edition
from vectorstore_operator.render.meta import child, marked

FILE = "limits.json"


def limits_file(store: Resolved, children: Children, now: datetime = EPOCH) -> Object:
    """The ConfigMap with the limits, those that the plan states: an older instance knows no newer ones."""
    live, number = _edition(children.get(("ConfigMap", names.limits(store.name))))
    wanted, _ = _edition_of(store.limits.model_dump_json(exclude_unset=True))
    limits = store.limits.model_copy(
        update={"generation": edition(number, live == wanted, now, least=store.limits.generation)}
    )
    data = {FILE: limits.model_dump_json(exclude_unset=True)}
    return marked(store, child(store, "v1", "ConfigMap", names.limits(store.name), data=data))


def _edition(live: Object | None) -> tuple[Any, int | None]:
    return _edition_of(((live or {}).get("data") or {}).get(FILE, ""))


def _edition_of(text: str) -> tuple[Any, int | None]:
    """Limits without their number, and the number; None where there is none that is one."""
    try:
        limits = dict(json.loads(text))
    except (ValueError, TypeError):
        return None, None
    number = limits.pop("generation", None)
    return limits, number if type(number) is int and number > 0 else None
