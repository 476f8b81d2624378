"""What the operator pushes is what an instance takes: rendered children, a real instance, no cluster."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.support.desired import PLATFORM, given_credentials, store
from tests.support.instances import Running

from vectorstore_operator import names
from vectorstore_operator.cluster.cache import Cache, Key
from vectorstore_operator.instances.pushes import Pushes, PushFailed
from vectorstore_operator.objects import Children, Object, key
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render import desired, keys

ACME = Key("tenants", "acme")


def rendered(resolved: Resolved, credentials: Object, live: Children) -> Children:
    children = {**live, key(credentials): credentials}
    phases = desired(resolved, PLATFORM, children)
    return {key(o): o for phase in phases for o in phase if key(o)[1] in ("acme-keys", "acme-limits")}


def show(children: Children, keys_dir: Path, limits_dir: Path) -> None:
    """What the kubelet does in the end."""
    for name, content in children["Secret", "acme-keys"]["data"].items():
        (keys_dir / name).write_bytes(base64.b64decode(content))
    for name, text in children["ConfigMap", "acme-limits"]["data"].items():
        (limits_dir / name).write_text(text)


def seen(cache: Cache, version: int, children: Children) -> None:
    meta = {"namespace": "tenants", "resourceVersion": str(version)}
    cache.put({"kind": "VectorStore", "metadata": meta | {"name": "acme", "uid": "u"}})
    status = {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
    labels = {"labels": names.labels("acme")}
    cache.put({"kind": "Pod", "metadata": meta | labels | {"name": "acme-0", "uid": "p"}, "status": status})
    for child in children.values():
        cache.put({**child, "metadata": child["metadata"] | meta})


async def test_keys_and_limits_count_before_the_files_show_them(
    start: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = store(model="none", dimension=3, quota={"documents": 5})
    first = rendered(resolved, given_credentials(resolved), {})
    admin = keys.token(PLATFORM.secret, "admin", resolved.uid)
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    show(first, mounted, mounted)
    running = start(KEYS_DIR=str(mounted), LIMITS_FILE=str(mounted / "limits.json"), MODEL_NAME="none", DIMENSION="3")
    monkeypatch.setattr(names, "MANAGEMENT_PORT", running.management_port)

    def limit(tenant_key: str) -> int:
        answer = httpx.get(f"{running.url}/stats", headers={"x-chroma-token": tenant_key})
        return int(answer.json()["limit"]) if answer.status_code == 200 else answer.status_code

    assert limit("the read-write key") == 5
    cache = Cache()
    pushes = Pushes(cache, lambda _: admin)
    task = asyncio.create_task(pushes.run())
    seen(cache, 1, first)
    await pushes.push(ACME)
    rotated = given_credentials(resolved)
    rotated["data"]["read-write"] = base64.b64encode(b"the new key").decode()
    second = rendered(store(model="none", dimension=3, quota={"documents": 7}), rotated, first)
    seen(cache, 2, second)
    await pushes.push(ACME)
    assert (limit("the new key"), limit("the read-write key"), limit("the read-only key")) == (7, 401, 7)

    seen(cache, 3, first)
    with pytest.raises(PushFailed):
        await pushes.push(ACME)
    assert limit("the new key") == 7, "nothing older is taken"
    show(second, mounted, mounted)
    seen(cache, 4, second)
    await pushes.push(ACME)
    assert limit("the new key") == 7
    task.cancel()
    await asyncio.wait({task})
