"""The cluster as the command line sees it: which one, what is asked of it, and its refusals in words.

The Kubernetes client takes longer to load than anything else here does, and a machine may not have it:
it is loaded when a verb first needs a cluster.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectorstore_operator import names
from vectorstore_operator.cluster.errors import ClusterError, Conflict, Forbidden, NotFound, Transient, Unauthorized
from vectorstore_operator.cluster.kinds import BACKUP, EVENT, KINDS, SECRET, STORE
from vectorstore_operator.keys.keybook import lines
from vectorstore_operator.local import Problem
from vectorstore_operator.objects import Object

if TYPE_CHECKING:
    from vectorstore_operator.cluster.api import Cluster
    from vectorstore_operator.cluster.connection import Connection

FIELD_MANAGER = "kubectl-vectorstore"
"""Who set a field, in the object's managedFields."""
_IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Target:
    """Which cluster and namespace, as the user said; None is what the kubeconfig says."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """What `kubectl` has to be told to mean the same cluster."""
        named = {"context": self.context, "kubeconfig": self.kubeconfig}
        return tuple(f"--{option}={value}" for option, value in named.items() if value)


@dataclass(frozen=True)
class Remote:
    """A namespace of a cluster."""

    cluster: Cluster
    api: Connection
    namespace: str
    options: tuple[str, ...] = ()
    """What `kubectl` has to be told to mean the same cluster."""

    async def stores(self, everywhere: bool = False) -> list[Object]:
        """The stores there are, in the order of their names."""
        found, _ = await self.cluster.list(STORE, None if everywhere else self.namespace)
        return sorted(found, key=lambda store: (store["metadata"]["namespace"], store["metadata"]["name"]))

    async def store(self, name: str) -> Object:
        """One store.

        Raises:
            Problem: there is none of that name.
        """
        if found := await self.cluster.get(STORE, self.namespace, name):
            return found
        known = ""
        with suppress(Forbidden):
            known = ", ".join(store["metadata"]["name"] for store in await self.stores()) or "none"
        there = f"; there are: {known}" if known else ""
        raise Problem(f"there is no store {name!r} in namespace {self.namespace}{there}; another namespace: -n")

    async def backups(self, store: str | None = None, everywhere: bool = False) -> list[Object]:
        """The backups there are, of a store or of all, the oldest first."""
        found, _ = await self.cluster.list(BACKUP, None if everywhere else self.namespace)
        of = [backup for backup in found if store in (None, backup["spec"]["store"])]
        return sorted(of, key=lambda backup: (backup["metadata"]["creationTimestamp"], backup["metadata"]["name"]))

    async def backup(self, name: str, namespace: str | None = None) -> Object:
        """One backup, of this namespace or another.

        Raises:
            Problem: there is none of that name.
        """
        if found := await self.cluster.get(BACKUP, namespace or self.namespace, name):
            return found
        raise Problem(f"there is no backup {name!r} in namespace {namespace or self.namespace}")

    async def change(self, name: str, **spec: Any) -> Object:
        """Sets fields of a store's spec (None removes one), whoever else writes to it at the time."""
        while True:
            with suppress(Conflict):
                return await self.cluster.patch(await self.store(name), {"spec": spec}, FIELD_MANAGER)

    async def children(self, kind: str, name: str) -> list[Object]:
        """A store's objects of a kind."""
        found, _ = await self.cluster.list(KINDS[kind], self.namespace, f"{names.STORE_LABEL}={name}")
        return sorted(found, key=lambda child: str(child["metadata"]["name"]))

    async def events(self, kind: str, name: str) -> list[Object]:
        """What was lately told of an object; nothing where Events may not be read."""
        fields = f"regarding.kind={kind},regarding.name={name}"
        with suppress(Forbidden):
            return (await self.cluster.list(EVENT, self.namespace, fields=fields))[0]
        return []


async def key_of(remote: Remote, secret: str, entry: str) -> str:
    """A key of a store: the first line of its Secret's entry, which is the newest.

    Raises:
        Problem: there is none.
    """
    found = await remote.cluster.get(SECRET, remote.namespace, secret) or {}
    keys = lines(found, entry)
    if not keys:
        raise Problem(f"Secret {secret} in {remote.namespace} has no key {entry!r}; see the store's status")
    return keys[0]


@asynccontextmanager
async def opened(target: Target) -> AsyncIterator[Remote]:
    """The cluster of a target, and the end of the connection.

    Raises:
        Problem: it cannot be reached, or refused what was asked meanwhile.
    """
    try:
        from vectorstore_operator.cluster.api import Cluster
        from vectorstore_operator.cluster.connection import connect
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        raise Problem(
            f"a cluster needs the Python package {package}: pip install 'vectorstore-operator[cli,operator]'"
        ) from None
    file = _kubeconfig(target)
    namespace = _namespace(file, target)
    try:
        async with await connect(file, target.context) as api:
            yield Remote(Cluster(api), api, namespace, target.options)
    except ClusterError as error:
        raise Problem(explain(error)) from None


def _kubeconfig(target: Target) -> str | None:
    """The file (or files) that say which cluster; None in a pod."""
    named = target.kubeconfig or os.environ.get("KUBECONFIG")
    usual = Path.home() / ".kube" / "config"
    if named is None and usual.exists():
        return str(usual)
    if named is None and _IN_POD.exists():
        return None
    if named and any(Path(file).expanduser().exists() for file in named.split(os.pathsep)):
        return named
    missing = f"{named} does not exist" if named else f"KUBECONFIG is not set and {usual} does not exist"
    raise Problem(f"no cluster: {missing}; name a kubeconfig file (the stores of this machine: `vectorstore get`)")


def _namespace(kubeconfig: str | None, target: Target) -> str:
    """The namespace that is meant, and a look at whether the context is there."""
    from vectorstore_operator.cluster.connection import contexts

    if kubeconfig is None:
        return target.namespace or (_IN_POD / "namespace").read_text().strip()
    try:
        known, current = contexts(kubeconfig)
    except Exception as error:  # over a malformed file the loader fails in many ways
        raise Problem(f"{kubeconfig}: not a kubeconfig: {error}") from None
    chosen = target.context or current
    if chosen not in known:
        raise Problem(f"--context: {kubeconfig} has no context {chosen!r}; there are: {', '.join(sorted(known))}")
    return target.namespace or known[chosen]


def explain(error: ClusterError) -> str:
    """What the API server refused, and what can be done about it."""
    told = " ".join(str(error).split())
    match error:
        case Unauthorized():
            return f"the cluster does not take your credentials: log in again, or choose another --context ({told})"
        case Forbidden():
            return f"{told}; ask who runs the cluster for that right, or choose another namespace with -n"
        case NotFound():
            return f"the cluster does not have it: {told}; is the operator installed? see docs/install.md"
        case Transient():
            return f"the API server gives no answer: {told}; is the cluster up, and is it the right --context?"
        case _:
            return told
