"""The requests before the last: a manifest that is applied again, or reverted, has none carried out once more. Pure.

All that stood in the status count, also those that failed or were taken away while they waited: whoever brings one of
them back by accident loses what was written since, and whoever means it says so by another request.
"""

from __future__ import annotations

from vectorstore_operator.api.restore import FORMER, RestoreStatus
from vectorstore_operator.backups.tenants.wishes import ID
from vectorstore_operator.objects import Object

WISHES = 4
"""Of tenants' wishes among them: whoever holds a key pushes out little of what manifests asked for."""


def asked_before(status: RestoreStatus, request: str) -> bool:
    """Whether a request had its turn before the last one, whatever came of it, or was another store's."""
    return request == status.skipped or request in (status.former or ())


def former(status: RestoreStatus, request: str | None) -> list[str] | None:
    """The requests before one, the newest first.

    Args:
        status: what is recorded.
        request: what is asked now.
    """
    if status.request in (None, request):
        return status.former
    known = [status.request, *(status.former or ())]
    wishes = [each for each in known if ID.fullmatch(each)]
    return [each for each in known if each not in wishes[WISHES:]][:FORMER]


def passed_over(store: Object, status: RestoreStatus) -> str:
    """What is said of the manifest's request where that had its turn before the last one; empty otherwise."""
    request = ((store.get("spec") or {}).get("restore") or {}).get("request")
    if status.request in (None, request) or request is None or not asked_before(status, request):
        return ""
    return f"spec.restore.request: {request!r} was asked before and is not carried out again; ask with another request"
