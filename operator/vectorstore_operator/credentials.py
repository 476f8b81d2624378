"""Secrets that are made once: the operator's own, and every store's keys.

Key material is never applied: an apply would put back what a rotation changed, or make keys anew
where a cache is merely late. It is created after a look at the live object, and whoever comes second
keeps what is there.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from vectorstore_operator.cluster import Cluster
from vectorstore_operator.errors import Conflict
from vectorstore_operator.kinds import SECRET
from vectorstore_operator.objects import Object
from vectorstore_operator.secretdata import encoded, fresh_key


async def once(cluster: Cluster, secret: Object) -> tuple[Object, bool]:
    """The live Secret of that name, which is this one if there was none; and whether it was made now."""
    namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
    live = await cluster.get(SECRET, namespace, name)
    if live is not None:
        return live, False
    try:
        return await cluster.create(secret), True
    except Conflict:
        live = await cluster.get(SECRET, namespace, name)
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
    live, _ = await once(cluster, fresh)
    return base64.b64decode(live["data"]["secret"])
