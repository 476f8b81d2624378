"""How a store of a cluster fares: why it is not ready, in words, and what to do about it. Pure.

The operator's conditions name field, value and remedy; here they are put in order, with what pods, claims
and Events add, and with the command that comes next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vectorstore_operator.cli.report import Report
from vectorstore_operator.cli.show import age
from vectorstore_operator.cli.words import seen, summary
from vectorstore_operator.conditions import condition
from vectorstore_operator.objects import Object, paused
from vectorstore_operator.observe.pods import is_ready, trouble

BAD_WHEN_TRUE = frozenset({"QuotaExceeded", "UpdateAvailable"})
"""Conditions that tell of trouble, or ask for something, when they hold; all others do when they do not."""
NO_TROUBLE = frozenset({"Progressing"})
"""Conditions that are news and not trouble, whichever way."""
FIRST = {"Accepted": 0, "Ready": 1}
RECENT = timedelta(hours=1)
MOST_EVENTS = 5


@dataclass(frozen=True)
class Look:
    """A store and what is around it."""

    store: Object
    pods: Sequence[Object] = ()
    claims: Sequence[Object] = ()
    events: Sequence[Object] = ()
    backups: Sequence[Object] = ()


def report(look: Look, me: str, now: datetime) -> Report:
    """How a store fares.

    Args:
        look: what was seen.
        me: the command the user typed, for the next one.
        now: for ages.
    """
    store, shown = look.store, summary(look.store)
    told = condition(store, "Ready")
    since = age(told.get("lastTransitionTime"), now)
    ready = told.get("status") == "True" and seen(store)
    how = "ready" if ready else f"not ready: {shown['state']}"
    documents = (
        "documents not counted yet"
        if shown["documents"] is None
        else (f"{shown['documents']} of {shown['limit']} documents")
    )
    return Report(
        ready=ready,
        headline=f"{shown['name']} in {shown['namespace']}: {how}" + (f", for {since}" if since else ""),
        facts=[f"plan {shown['plan'] or '-'}, {documents}, {shown['url'] or 'no URL yet'}", *protected(store, now)],
        why=list(_why(look)),
        pods=[_pod(pod) for pod in look.pods],
        events=[] if ready else _events(look.events, now),
        todo=list(dict.fromkeys(_todo(look, ready, me))),
    )


def protected(store: Object, now: datetime) -> Iterator[str]:
    """How a store is backed up, in words; nothing where it is not to be."""
    told = (store.get("status") or {}).get("backup") or {}
    if last := told.get("lastGood"):
        since = age(told.get("lastGoodAt"), now)
        yield f"last good backup {last}" + (f", {since} ago" if since else "")
    if due := told.get("next"):
        yield f"next backup at {due}"


def _why(look: Look) -> Iterator[str]:
    store = look.store
    if "deletionTimestamp" in store["metadata"]:
        yield "it is being deleted"
    if not seen(store):
        yield "the operator has not looked at the last change yet"
    told: list[str] = []
    # What was asked for and what comes of it first; the other conditions tell of causes.
    conditions = (store.get("status") or {}).get("conditions") or ()
    for each in sorted(conditions, key=lambda each: FIRST.get(each["type"], len(FIRST))):
        bad = each["status"] == ("True" if each["type"] in BAD_WHEN_TRUE else "False")
        bad |= each["type"] == "Accepted" and each["status"] == "Unknown"  # the API server does not let it be tried
        if bad and each["type"] not in NO_TROUBLE and each["reason"] != "NotAccepted":
            told.append(each["message"])
            yield f"{each['type']} ({each['reason']}): {each['message']}"
    if paused(store):
        told_paused = condition(store, "Progressing")
        waits = told_paused["message"] if told_paused.get("reason") == "Paused" else "the children stay as they are"
        yield f"paused: {waits}"
    for pod in look.pods:
        found = trouble([pod])
        if found and found[1] not in told:
            yield f"{found[0]}: {found[1]}"
    for backup in look.backups:
        if (backup.get("status") or {}).get("phase", "Pending") == "Pending":
            waits = condition(backup, "Complete")
            why = f" ({waits['reason']}): {waits['message']}" if waits else ": the operator has not looked at it yet"
            yield f"backup {backup['metadata']['name']} waits{why}"


def _todo(look: Look, ready: bool, me: str) -> Iterator[str]:
    store = look.store
    name, namespace = store["metadata"]["name"], store["metadata"]["namespace"]
    where, spec = f"{name} -n {namespace}", store.get("spec") or {}
    if spec.get("hibernated"):
        yield f"{me} wake {where}"
    if paused(store):
        yield f"{me} resume {where}"
    if not seen(store):
        yield (
            "see that the operator runs and serves this namespace: "
            "kubectl get pods -A -l app.kubernetes.io/name=vectorstore-operator"
        )
    if condition(store, "Accepted").get("status") == "False":
        yield f"change what is refused: kubectl edit vectorstore {where}"
    if condition(store, "BackupHealthy").get("status") == "False":
        yield f"{me} backups {where}"
    if ready:
        return
    yield from _next(condition(store, "Ready").get("reason", ""), look, me, where)
    yield from (
        f"kubectl describe pvc {claim['metadata']['name']} -n {namespace}"
        for claim in look.claims
        if (claim.get("status") or {}).get("phase") != "Bound"
    )


def _next(reason: str, look: Look, me: str, where: str) -> Iterator[str]:
    """The command that says more about why a store is not ready."""
    namespace = look.store["metadata"]["namespace"]
    pods = [pod["metadata"]["name"] for pod in look.pods if trouble([pod])]
    match reason:
        case "Crashing" | "OutOfMemory":
            yield f"{me} logs {where} --previous"
        case "Starting" | "RollingOut" | "Scaling" | "Creating":
            yield f"wait: a store that recovers much data takes minutes; {me} logs {where} -f"
    yield from (f"kubectl describe pod {pod} -n {namespace}" for pod in pods)


def _pod(pod: Object) -> dict[str, str]:
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or ()
    waits = [each.get("state", {}).get("waiting", {}).get("reason") for each in containers]
    doing = next(filter(None, waits), None) or status.get("phase", "Unknown")
    if "deletionTimestamp" in pod["metadata"]:
        doing = "Terminating"
    restarts = sum(each.get("restartCount", 0) for each in containers)
    ready = "yes" if is_ready(pod) else "no"
    node = (pod.get("spec") or {}).get("nodeName") or "-"
    return {"name": pod["metadata"]["name"], "state": doing, "ready": ready, "restarts": str(restarts), "node": node}


def _events(events: Sequence[Object], now: datetime) -> list[dict[str, str]]:
    """The last warnings, newest first: age, of what, reason, note."""
    recent = sorted(
        ((_moment(event), event) for event in events if event.get("type") == "Warning"),
        key=lambda pair: pair[0],
        reverse=True,
    )
    return [
        {
            "age": age(when.isoformat(), now) or "-",
            "about": event["regarding"]["name"],
            "reason": event["reason"],
            "note": " ".join(event["note"].split()),
        }
        for when, event in recent[:MOST_EVENTS]
        if now - when <= RECENT
    ]


def _moment(event: Object) -> datetime:
    """When it was last seen; the kubelet's Events still come in the fields of the old API."""
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return datetime.fromisoformat(next(filter(None, times), "1970-01-01T00:00:00Z")).astimezone(UTC)
