"""Whether all stores of a namespace consist of exactly what they should: by the pure core, on what is live."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

from tests.support.caretaker import listed
from tests.support.operators import Object, Tenant, accepted

from vectorstore_operator import diff, names, objects, render
from vectorstore_operator.cluster.cache import owner
from vectorstore_operator.cluster.kinds import CHILDREN, CLAIM, PLAN, STORE
from vectorstore_operator.objects import Children
from vectorstore_operator.plan import Resolved, accept
from vectorstore_operator.plan.claimed import Around, size_of
from vectorstore_operator.reconcile.applying import surplus
from vectorstore_operator.reconcile.rolling import as_marked
from vectorstore_operator.render import Platform
from vectorstore_operator.settings import OperatorSettings
from vectorstore_operator.volumes.storage import Storage

IMAGE = "example.invalid/instance:1"


async def differences(tenant: Tenant) -> list[str]:
    """What is not as it should be, in words; nothing is named that is being deleted with its store."""
    secret = await tenant.have("Secret", "vectorstore-operator-secret")
    platform = Platform(
        image=IMAGE,
        operator_namespace=tenant.namespace,
        operator_labels=OperatorSettings().labels,
        secret=base64.b64decode(secret["data"]["secret"]),
    )
    plans, _ = await tenant.cluster.list(PLAN)
    around = Around(classes=await Storage(tenant.cluster).classes(), now=datetime.now(UTC))
    stores = {store["metadata"]["name"]: store for store in await listed(tenant, STORE.name)}
    families: dict[str, dict[tuple[str, str], Object]] = {name: {} for name in stores}
    found = []
    for child in [o for kind in CHILDREN for o in await listed(tenant, kind.name)]:
        whose = owner(child)
        if whose is None:
            continue
        if whose.name in stores:
            families[whose.name][objects.key(child)] = child
        elif child["kind"] != CLAIM.name:  # claims stay
            found.append(f"{child['kind']} {child['metadata']['name']} has no store")
    for name, store in stores.items():
        found += [f"{name}: {problem}" for problem in _problems(store, plans, families[name], around, platform)]
    return found


def _problems(
    store: Object, plans: list[Object], children: Children, around: Around, platform: Platform
) -> Iterator[str]:
    if not accepted(store):
        yield f"is not accepted: {store.get('status')}"
    wanted = accept.store(store, plans, children, around)
    if not isinstance(wanted, Resolved):
        yield f"is refused: {wanted}"
        return
    phases = render.desired(as_marked(wanted, children), platform, children, datetime.now(UTC))
    stated = {objects.key(obj) for phase in phases for obj in phase} | {("Secret", names.credentials(wanted.name))}
    claims = {key for key in children if key[0] == CLAIM.name}
    yield from (
        f"{objects.key(obj)} is missing or differs" for phase in phases for obj in diff.to_apply(phase, children)
    )
    yield from (f"{key} is missing" for key in stated - set(children))
    yield from (f"{key} is superfluous" for key in set(children) - stated - claims)
    yield from (f"{objects.key(obj)} is superfluous" for obj in surplus(wanted, children))
    yield from (
        f"{key} is too small: {children[key]}, not {wanted.storage}"
        for key in claims
        if size_of(children[key]) < wanted.storage
    )
