"""The Jobs there are and their pods, as they were last seen, and whom they are for."""

from __future__ import annotations

from collections.abc import Iterable

from vectorstore_operator.backups.jobs import job as render
from vectorstore_operator.backups.jobs.state import over
from vectorstore_operator.backups.known import Item
from vectorstore_operator.cluster.cache import Key, Place
from vectorstore_operator.cluster.kinds import JOB
from vectorstore_operator.cluster.newest import Newest
from vectorstore_operator.names import BACKUP_LABEL
from vectorstore_operator.objects import Object, controller


class JobShelf:
    """The Jobs there are and their pods; filled by `watching`."""

    def __init__(self) -> None:
        self._jobs, self._pods = Newest(trim), Newest(trim)
        self.absent: set[str] = set()
        """Kinds that the operator may not see."""

    def job(self, name: str, namespace: str) -> Object | None:
        """A Job as last seen."""
        return self._jobs.get(Key(namespace, name))

    def jobs(self) -> list[Object]:
        """All of them."""
        return self._jobs.all()

    def pods(self, job: Object) -> list[Object]:
        """Those of a Job."""
        uid = job["metadata"]["uid"]
        return [pod for pod in self._pods.all() if (owner := controller(pod)) and owner["uid"] == uid]

    def left(self, uid: str) -> bool:
        """Whether anything may still run for a backup or store: pods outlive their Jobs by a while."""
        return any(
            pod["metadata"].get("labels", {}).get(BACKUP_LABEL) == uid and not over(pod) for pod in self._pods.all()
        )

    def put(self, obj: Object) -> Item | None:
        """Keeps an object that is newer than what is known; tells whom it is for if so."""
        return whom(kept) if (kept := self._of(obj["kind"]).put(obj)) else None

    def drop(self, obj: Object) -> Item | None:
        """Forgets an object that was deleted; tells whom it was for."""
        return whom(gone) if (gone := self._of(obj["kind"]).drop(obj)) else None

    def retain(self, kind: str, namespace: str | None, places: Iterable[Place], version: str) -> set[Item]:
        """Forgets what a listing did not have; tells whom it was for."""
        gone = self._of(kind).retain(namespace, (Key(*place[1:]) for place in places), int(version))
        return {item for obj in gone if (item := whom(obj))}

    def _of(self, kind: str) -> Newest[Object]:
        return self._jobs if kind == JOB.name else self._pods


def whom(obj: Object) -> Item | None:
    """Whom a Job or a pod of one is for."""
    kind, _, rest = str((obj["metadata"].get("annotations") or {}).get(render.FOR_ANNOTATION, "")).partition("/")
    namespace, _, name = rest.partition("/")
    return Item("store" if kind == "store" else "backup", namespace, name) if name else None


def trim(obj: Object) -> Object:
    """A Job or pod without what nobody here reads."""
    meta = obj["metadata"]
    kept = ("name", "namespace", "uid", "labels", "annotations", "creationTimestamp", "ownerReferences")
    return {
        "apiVersion": obj.get("apiVersion"),
        "kind": obj["kind"],
        "metadata": {name: meta[name] for name in kept if name in meta},
        "status": obj.get("status") or {},
    }
