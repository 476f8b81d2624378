"""Jobs and the pods of stores where no controllers run: the test says how they fare."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from tests.support.apiserver import ApiServer
from tests.support.operators import Object, Tenant

from vectorstore_instance.backup.result import Reason, Result, Verified
from vectorstore_operator import names, times
from vectorstore_operator.cluster.kinds import JOB
from vectorstore_operator.names import MANAGEMENT_PORT

MERGE = "application/merge-patch+json"


class Jobs:
    """The Jobs of an operator, which is in the tenant's namespace, too."""

    def __init__(self, server: ApiServer, tenant: Tenant) -> None:
        self._server, self._tenant = server, tenant

    async def made(self, verb: str, but: Collection[str] = ()) -> Object:
        """A Job for something, with its Secret, as soon as there is one that is none of these, by their uids."""
        job = await self._tenant.first(
            "Job", lambda one: one["metadata"]["name"].split("-")[1] == verb and one["metadata"]["uid"] not in but
        )
        await self._tenant.until("Secret", job["metadata"]["name"])
        return job

    async def all(self) -> list[str]:
        """The names of all there are."""
        return sorted(
            one["metadata"]["name"] for one in (await self._tenant.cluster.list(JOB, self._tenant.namespace))[0]
        )

    async def given(self, job: Object) -> dict[str, str]:
        """What a Job is given, by the names of files."""
        secret = await self._tenant.have("Secret", job["metadata"]["name"])
        return {name: base64.b64decode(content).decode() for name, content in secret["data"].items()}

    def waits(self, job: Object, reason: str, message: str) -> None:
        """Its pod cannot start."""
        self._pod(job, "Pending", {"waiting": {"reason": reason, "message": message}})

    def ended(self, job: Object, result: Result | None, ago: float = 0) -> None:
        """Its pod said this at its end, so many seconds ago; None is a pod that was killed."""
        meta, end = job["metadata"], datetime.now(UTC) - timedelta(seconds=ago)
        well = result is not None and result.ok
        message = result.model_dump_json(by_alias=True, exclude_none=True) if result else ""
        over = {"exitCode": 0 if well else 137, "message": message}
        self._pod(job, "Succeeded" if well else "Failed", {"terminated": over})
        at = times.time(end)
        kinds = ("SuccessCriteriaMet", "Complete") if well else ("FailureTarget", "Failed")
        told: Object = {
            "startTime": times.time(end - timedelta(seconds=1)),
            "conditions": [
                {"type": kind, "status": "True", "reason": "Ended", "lastTransitionTime": at} for kind in kinds
            ],
            "succeeded" if well else "failed": 1,
        }
        if well:
            told["completionTime"] = at
        path = f"/apis/batch/v1/namespaces/{meta['namespace']}/jobs/{meta['name']}/status"
        self._call("PATCH", path, {"status": told})

    def _pod(self, job: Object, phase: str, state: Object) -> None:
        """Its pod is there, and stands so."""
        meta, template = job["metadata"], job["spec"]["template"]
        pods = f"/api/v1/namespaces/{meta['namespace']}/pods"
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}
        head = {
            "name": f"{meta['name']}-x",
            "labels": template["metadata"]["labels"],
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": [owner],
        }
        self._call("POST", pods, {"apiVersion": "v1", "kind": "Pod", "metadata": head, "spec": template["spec"]})
        container = {"name": "backup", "image": "any", "imageID": "", "ready": False, "restartCount": 0}
        status = {"phase": phase, "containerStatuses": [container | {"state": state}]}
        self._call("PATCH", f"{pods}/{head['name']}/status", {"status": status})

    def _call(self, method: str, path: str, body: Object) -> None:
        status, answer = self._server.call(method, path, body, MERGE if method == "PATCH" else "application/json")
        assert status in (HTTPStatus.OK, HTTPStatus.CREATED), answer


def result(verb: str, reason: Reason = "Done", *, transient: bool = False, **more: Any) -> Result:
    """What a Job says at its end."""
    ok, at = reason == "Done", datetime.now(UTC)
    proof = Verified(at=at, seconds=1, collections=1, documents=7, questions=5, recall=1.0) if ok else None
    told = {"message": "it says why", "seconds": 1, "transient": transient, "verified": proof} | more
    return Result(verb=verb, ok=ok, reason=reason, **told)


class Leader:
    """Pod 0 of a store at an address of this machine; its management port says of restores what the test says."""

    def __init__(self, server: ApiServer, namespace: str, address: str) -> None:
        self._server, self._root, self._address = server, f"/api/v1/namespaces/{namespace}/pods", address
        self.told: Object = {"phase": "waiting", "receivedBytes": 0, "error": None}
        """What it answers."""

    def restored(self, run: str) -> None:
        """It holds what a restore brought."""
        self.told = {"phase": "done", "restored": {"archive": "x", "run": run, "compared": {"documents": 9}}}

    def run(self, store: str, ready: bool = False) -> None:
        """The pod is there."""
        meta = {"name": f"{store}-0", "labels": names.labels(store)}
        spec = {"containers": [{"name": "instance", "image": "any"}]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
        assert self._server.call("POST", self._root, body)[0] == HTTPStatus.CREATED
        status = {
            "podIP": self._address,
            "podIPs": [{"ip": self._address}],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        }
        code, answer = self._server.call("PATCH", f"{self._root}/{store}-0/status", {"status": status}, MERGE)
        assert code == HTTPStatus.OK, answer

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Its management port."""
        server = await asyncio.start_server(self._serve, self._address, MANAGEMENT_PORT)
        async with server:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = json.dumps(self.told if head.startswith("GET /admin/restore") else {}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n")
        writer.write(b"content-length: %d\r\n\r\n" % len(body) + body)
        with suppress(ConnectionError):  # an operator that was killed does not wait for it
            await writer.drain()
        writer.close()
