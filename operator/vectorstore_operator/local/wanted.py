"""What should be there of a store on this machine: the document, its plan, and what is there. Pure.

The plan is chosen and the numbers are proven by `plan.py`, as in a cluster; what is fixed for a
store's life is compared with the record of its last `up`, which stands for the object in the cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from vectorstore_instance.settings import Limits, Settings
from vectorstore_operator import __version__
from vectorstore_operator.api.base import fixed_fields_changed
from vectorstore_operator.api.keys import StoreKeys
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.storage import Storage, storage_changed
from vectorstore_operator.api.store import FIXED, StoreSpec
from vectorstore_operator.local import Problem
from vectorstore_operator.local.manifest import Store
from vectorstore_operator.names import NAMESPACE_LABEL
from vectorstore_operator.plan import Identity, Resolved, choose_plan, permits, resolve, size_plan
from vectorstore_operator.plan.embedding import NEW, Before, embedding_settings
from vectorstore_operator.plan.remote import remote_settings
from vectorstore_operator.quantity import parse
from vectorstore_operator.refusal import Refusal

_T = TypeVar("_T")


class Record(BaseModel):
    """A store as `up` last brought it about; kept in its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    namespace: str
    generation: int
    """Grows with every change of the spec or the plan."""
    spec: StoreSpec
    plan: str
    plan_spec: PlanSpec
    settings: Settings
    limits: Limits
    rotated: str | None = None
    """The `spec.keys.rotate` that was carried out last: the spec may not say it any more."""
    revoked: str | None = None
    """The `spec.keys.revoke`, likewise."""
    requested: str | None = None
    """The largest `spec.storage.size` it had: in a cluster its volume would have it still."""

    @property
    def url(self) -> str:
        """Where clients reach the store."""
        scheme = "https" if self.settings.tls_dir else "http"
        return f"{scheme}://{self.settings.host}:{self.settings.port}"

    @property
    def management_url(self) -> str:
        """Where probes, numbers and the admin surface are."""
        return f"http://{self.settings.host}:{self.settings.management_port}"


@dataclass(frozen=True)
class Place:
    """What the machine has for a store."""

    folder: Path
    models: Path
    port: int
    management_port: int
    secrets: Path
    """What Secrets are in a cluster: a folder of a Secret's name, in it a file for each entry."""


def want(store: Store, plans: Mapping[str, PlanSpec], recorded: Record | None, place: Place) -> Record:
    """The store as it should be recorded, and by that as it should run.

    Args:
        store: its document.
        plans: every plan that is known.
        recorded: the store as it is; None for a new one.
        place: where it goes.

    Raises:
        Problem: it cannot be; names field, value and remedy.
    """
    if store.spec.version not in (None, __version__):
        raise Problem(
            f"{store.name}: spec.version: {store.spec.version!r} is not what is installed here, {__version__}; install "
            "that version of vectorstore-operator, or leave it out"
        )
    if recorded:
        _same_store(store, recorded)
        plans = {recorded.plan: recorded.plan_spec, **plans}
    chosen = _accepted(store, choose_plan(store.spec.plan, recorded.plan if recorded else None, dict(plans)))
    generation = 1
    if recorded:
        changed = (store.spec, chosen, plans[chosen]) != (recorded.spec, recorded.plan, recorded.plan_spec)
        generation = recorded.generation + changed
    asked = store.spec.keys or StoreKeys()
    plan = _accepted(store, size_plan(chosen, _unexposed(plans[chosen], store.spec)))
    identity, before = Identity(store.name, store.namespace, "", generation), _before(recorded)
    resolved = _accepted(store, resolve(identity, store.spec, plan, before=before))
    labels = {NAMESPACE_LABEL: store.namespace}
    _accepted(store, permits.namespace_refused(chosen, plan.spec, store.namespace, labels))
    return Record(
        name=store.name,
        namespace=store.namespace,
        generation=generation,
        spec=store.spec,
        plan=chosen,
        plan_spec=plans[chosen],
        settings=_settings(resolved, place),
        limits=resolved.limits,
        rotated=asked.rotate or (recorded and recorded.rotated),
        revoked=asked.revoke or (recorded and recorded.revoked),
        requested=_requested(store.spec, recorded),
    )


def _unexposed(plan: PlanSpec, spec: StoreSpec) -> PlanSpec:
    """A plan without what it says of those that stand before its stores: here nobody does."""
    if plan.exposure is None:
        return plan
    same = {"backend_protocol": "HTTPS" if spec.tls else "HTTP", "tls": None}
    return plan.model_copy(update={"exposure": plan.exposure.model_copy(update=same)})


def _requested(spec: StoreSpec, recorded: Record | None) -> str | None:
    had = (recorded.requested, recorded.spec.storage and recorded.spec.storage.size) if recorded else ()
    sizes = [size for size in (spec.storage and spec.storage.size, *had) if size]
    return max(sizes, key=parse, default=None)


def _same_store(store: Store, recorded: Record) -> None:
    if store.namespace != recorded.namespace:
        raise Problem(
            f"{store.name}: metadata.namespace: {store.namespace!r}, and this machine has a store of that name in "
            f"{recorded.namespace!r}; give it another name or another VECTORSTORE_HOME"
        )
    changed = fixed_fields_changed(recorded.spec, store.spec, *FIXED)
    had = (recorded.spec.storage or Storage()).model_copy(update={"size": _requested(recorded.spec, recorded)})
    changed = changed or storage_changed(had, store.spec.storage)
    if changed:
        raise Problem(f"{store.name}: spec: {changed}")


def _before(recorded: Record | None) -> Before:
    """What the store was first accepted with."""
    if recorded is None:
        return NEW
    ran = recorded.settings
    return Before(recorded.plan, ran.precision, ran.dimension if ran.embed_url else None)


def _accepted(store: Store, outcome: _T | Refusal) -> _T:
    if isinstance(outcome, Refusal):
        raise Problem(f"{store.name}: {outcome.message}")
    return outcome


def _settings(resolved: Resolved, place: Place) -> Settings:
    return Settings(
        tenant_id=resolved.tenant_id,
        plan=resolved.plan.name,
        model_name=resolved.model,
        dimension=resolved.dimension,
        port=place.port,
        management_port=place.management_port,
        data_dir=place.folder / "data",
        limits_file=place.folder / "limits" / "limits.json",
        keys_dir=place.folder / "keys",
        model_dir=place.models / resolved.model if resolved.embedding.precision else None,
        tls_dir=place.secrets / resolved.spec.tls.secret_name if resolved.spec.tls else None,
        **embedding_settings(resolved.embedding, place.secrets / (resolved.embedding.secret or "")),
        **remote_settings(resolved.spec, place.secrets / ((resolved.remote and resolved.remote.secret_name) or "")),
        **permits.settings(resolved.plan.spec, resolved.spec, embeds=resolved.embeds),
    )
