"""A store of a cluster in a word and in a line: for the table, for scripts, for who waits. Pure."""

from __future__ import annotations

from typing import Any

from vectorstore_operator import names
from vectorstore_operator.conditions import condition
from vectorstore_operator.objects import Object, paused
from vectorstore_operator.plan.embedding import DEFAULT_MODEL


def seen(store: Object) -> bool:
    """Whether the status speaks of the store's present edition."""
    observed: int = (store.get("status") or {}).get("observedGeneration") or 0
    return observed >= int(store["metadata"].get("generation", 0))


def state(store: Object) -> str:
    """One word: `Ready`, `Refused`, `Terminating`, else the reason why it is not ready, or why nobody can say yet."""
    if "deletionTimestamp" in store["metadata"]:
        return "Terminating"
    ready = condition(store, "Ready")
    if ready.get("status") == "True":
        return "Ready"
    accepted, reason = condition(store, "Accepted"), str(ready.get("reason", "Unknown"))
    if reason != "NotAccepted":
        return reason
    return str(accepted["reason"]) if accepted.get("status") == "Unknown" else "Refused"


def summary(store: Object) -> dict[str, Any]:
    """A store as `get` shows it; the names are those of a store on one machine as far as they mean the same."""
    meta, status, spec = store["metadata"], store.get("status") or {}, store.get("spec") or {}
    used, _, limit = (status.get("documents") or "").partition("/")
    return {
        "name": meta["name"],
        "namespace": meta["namespace"],
        "resource": f"vectorstore.vectorstore.dev/{meta['name']}",
        "state": state(store),
        "message": condition(store, "Ready").get("message"),
        "plan": status.get("plan") or spec.get("plan"),
        "model": spec.get("model") or DEFAULT_MODEL,
        "documents": int(used) if used.isdigit() else None,
        "limit": int(limit) if limit.isdigit() else None,
        "bytes": status.get("bytes"),
        "lastRequest": status.get("lastRequest"),
        "url": status.get("url"),
        "secret": status.get("secret"),
        "replicas": status.get("replicas"),
        "readyReplicas": status.get("readyReplicas"),
        "paused": paused(store),
        "refused": condition(store, "Accepted").get("status") == "False",
        "hibernated": bool(spec.get("hibernated")),
        "created": meta.get("creationTimestamp"),
    }


def has_tls(store: Object) -> bool:
    """Whether its pods speak TLS."""
    return bool((store.get("spec") or {}).get("tls"))


def secret_of(store: Object) -> str:
    """The Secret with its keys."""
    told = (store.get("status") or {}).get("secret")
    return str(told or names.credentials(store["metadata"]["name"]))


def progress(store: Object) -> tuple[int, int, str]:
    """How far a store is on its way to what its spec says: steps done, steps in all, what is awaited."""
    status = store.get("status") or {}
    if not seen(store):
        return 0, 1, f"{store['metadata']['name']}: waiting for the operator"
    wanted = max(1, int((store.get("spec") or {}).get("replicas") or 1))
    done = 1 + min(wanted, status.get("replicas") or 0) + min(wanted, status.get("readyReplicas") or 0)
    update = condition(store, "UpdateAvailable")
    if update.get("reason") in ("Checkpointing", "CheckpointFailed"):  # its pods answer meanwhile
        return 0, 2 + 2 * wanted, f"{store['metadata']['name']}: {update['reason']}: {update['message']}"
    for type_ in ("Accepted", "Ready", "Progressing"):
        told = condition(store, type_)
        if told and (told["status"] == "True") == (type_ == "Progressing"):
            return done, 2 + 2 * wanted, f"{store['metadata']['name']}: {told['reason']}: {told['message']}"
    return 1 + 2 * wanted, 2 + 2 * wanted, f"{store['metadata']['name']}: waiting for the operator"
