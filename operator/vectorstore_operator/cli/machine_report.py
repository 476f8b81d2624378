"""How a store of this machine fares: why it is not ready, in words, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vectorstore_operator.cli.report import Report


def report(store: dict[str, Any], code: int | None, log: Sequence[str]) -> Report:
    """How a store fares.

    Args:
        store: as `describe` shows it.
        code: exit code of the last instance that ended by itself.
        log: the last lines of its log.
    """
    ready = store["state"] == "Ready"
    documents = "documents not counted" if store["documents"] is None else f"{store['documents']} documents"
    running = store["state"] in ("Ready", "NotReady")
    return Report(
        ready=ready,
        headline=f"{store['name']} on this machine: {'ready' if ready else 'not ready: ' + store['state']}",
        facts=[f"plan {store['plan']}, {documents} of {store['limit']}, {store['url']}"],
        why=list(_why(store, code)),
        todo=list(_todo(store)),
        log=list(log) if running and not ready else [],
    )


def _why(store: dict[str, Any], code: int | None) -> Iterator[str]:
    match store["state"]:
        case "Stopped":
            yield "nothing of it runs; its data and keys are in " + store["dataDir"]
        case "Hibernated":
            yield "it hibernates: nothing of it runs, its data and keys stay"
        case "NotReady" if store["pid"] is None:
            yield f"its instance ended with exit code {code}, {store['restarts']} times so far, and is started again"
        case "NotReady":
            yield f"its instance (process {store['pid']}) runs and does not answer yet"
    if store["paused"]:
        yield "paused: `vectorstore up` leaves it as it is"


def _todo(store: dict[str, Any]) -> Iterator[str]:
    name = store["name"]
    if store["paused"]:
        yield f"vectorstore resume {name}"
    match store["state"]:
        case "Stopped" | "Hibernated":
            yield f"vectorstore wake {name}"
        case "NotReady":
            yield f"vectorstore logs {name} -f"
