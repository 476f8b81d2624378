"""Secrets that are made once: the operator's own, and every store's keys.

Key material is never applied: an apply would put back what a rotation changed, or make keys anew
where a cache is merely late. It is created where there is none, which the API server decides, and
whoever comes second keeps what is there.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from pathlib import Path

from vectorstore_operator.cluster.api import Cluster
from vectorstore_operator.cluster.errors import ClusterError, Conflict
from vectorstore_operator.cluster.kinds import SECRET
from vectorstore_operator.keys.secretdata import encoded, fresh_key
from vectorstore_operator.objects import Object
from vectorstore_operator.workqueue import exponential

log = logging.getLogger(__name__)


async def once(cluster: Cluster, secret: Object) -> tuple[Object, bool]:
    """The live Secret of that name, which is this one if there was none; and whether it was made now."""
    try:
        return await cluster.create(secret), True
    except Conflict:
        live = await cluster.get(SECRET, secret["metadata"]["namespace"], secret["metadata"]["name"])
        if live is None:
            raise
        return live, False


async def operator_secret(cluster: Cluster, namespace: str, name: str, file: Path | None) -> bytes:
    """What the tokens between operator and instances are derived from: from a file, else from a Secret.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty.
    """
    if file is not None:
        content = (await asyncio.to_thread(file.read_bytes)).strip()
        if not content:
            raise ValueError(f"OPERATOR_SECRET_FILE: {file} is empty; put at least 32 random bytes there")
        return content
    fresh = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "type": "Opaque",
        "data": {"secret": encoded(fresh_key())},
    }
    # Looked for first: an operator that starts on what is there writes nothing.
    live = await cluster.get(SECRET, namespace, name) or (await once(cluster, fresh))[0]
    return base64.b64decode(live["data"]["secret"])


async def patient_secret(cluster: Cluster, namespace: str, name: str, file: Path | None) -> bytes:
    """The same, however long the API server takes to give it."""
    failures = 0
    while True:
        try:
            return await operator_secret(cluster, namespace, name, file)
        except ClusterError as error:
            failures += 1
            log.warning("the operator secret cannot be had, trying again: %s", error)
            await asyncio.sleep(exponential(failures, 0.2, 10))
