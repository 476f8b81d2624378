"""What one store should consist of: a pure builder per kind, listed in phases by `desired`."""

from __future__ import annotations

from datetime import datetime

from vectorstore_operator.keys.holder import holder
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render.autoscaler import autoscaler
from vectorstore_operator.render.disruption import disruption_budget
from vectorstore_operator.render.editions import EPOCH
from vectorstore_operator.render.httproute import http_route
from vectorstore_operator.render.ingress import ingress
from vectorstore_operator.render.keys import digests
from vectorstore_operator.render.limits import limits_file
from vectorstore_operator.render.meta import hashed
from vectorstore_operator.render.networkpolicy import network_policy
from vectorstore_operator.render.platform import Platform
from vectorstore_operator.render.service import client, headless
from vectorstore_operator.render.serviceaccount import service_account
from vectorstore_operator.render.statefulset import stateful_set

__all__ = ["Platform", "desired"]


def desired(
    store: Resolved, platform: Platform, children: Children, now: datetime = EPOCH
) -> tuple[tuple[Object, ...], ...]:
    """All that a store should consist of, in the order in which it is to be applied.

    While its credentials are not among the children there are neither digests of keys nor pods: whoever
    reconciles creates the credentials first. By `now`, editions of keys and limits are numbered.
    """
    keys = digests(holder(store), platform, children, now)
    phases: tuple[tuple[Object | None, ...], ...] = (
        (service_account(store), keys, limits_file(store, children, now)),
        (headless(store), client(store), network_policy(store, platform), ingress(store), http_route(store)),
        (stateful_set(store, platform, children) if keys else None,),
        (autoscaler(store), disruption_budget(store)),
    )
    return tuple(tuple(hashed(obj) for obj in phase if obj) for phase in phases)
