"""What the tenant may do, as a file that pods read again when it changes."""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.objects import Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.meta import child

FILE = "limits.json"


def limits_file(store: Resolved) -> Object:
    """The ConfigMap with the limits, those that the plan states: an older instance knows no newer ones."""
    return child(
        store,
        "v1",
        "ConfigMap",
        names.limits(store.name),
        data={FILE: store.limits.model_dump_json(exclude_unset=True)},
    )
