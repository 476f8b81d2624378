"""A store's leader, asked how far it is with restores. It answers before it serves anybody."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import aiohttp

from vectorstore_operator import names
from vectorstore_operator.backups.restores.step import Port
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.observe.pods import is_ready, management_url

log = logging.getLogger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=5)
UNKNOWN = (404, 501)
"""Instances of releases that know of no restores, and pods that hold no data."""


def job_url(key: Key) -> str:
    """Where a Job finds the leader's management port, whether the pod is ready or not."""
    return f"http://{key.name}-0.{names.headless(key.name)}.{key.namespace}.svc:{names.MANAGEMENT_PORT}"


def address(key: Key, cache: Cache) -> str | None:
    """The address of a store's pod 0, ready or not."""
    pod = cache.children(key).get(("Pod", f"{key.name}-0"))
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return None
    found: str | None = (pod.get("status") or {}).get("podIP")
    return found


def ready(key: Key, cache: Cache) -> bool:
    """Whether a store's pod 0 serves."""
    return is_ready(cache.children(key).get(("Pod", f"{key.name}-0"), {}))


async def asked(key: Key, cache: Cache, token: str) -> Port | None:
    """What the leader says of restores; None where it does not answer, or not in order."""
    where = address(key, cache)
    if where is None:
        return None
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(f"{management_url(where)}/admin/restore", headers=headers) as answer,
        ):
            if answer.status in UNKNOWN:
                return Port("unknown")
            answer.raise_for_status()
            return read(await answer.json())
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.info("%s/%s: its leader does not tell of restores: %s", key.namespace, key.name, type(error).__name__)
        return None


def read(told: Mapping[str, Any]) -> Port:
    """An instance's answer.

    Raises:
        KeyError, TypeError, AttributeError: it is none.
    """
    record = told.get("restored") or {}
    compared = record.get("compared") or {}
    return Port(str(told["phase"]), str(record.get("run") or ""), compared.get("documents"))
