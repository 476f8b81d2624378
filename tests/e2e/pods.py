"""Pods from which the scenarios reach a store as a tenant does, made of the instance's own image."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from tests.e2e.cluster import PATIENCE, Cluster, CommandFailed

Object = dict[str, Any]

IMAGE = os.environ.get("E2E_INSTANCE_IMAGE", "")

RESTRICTED: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}

RELAY = """
import asyncio, sys
async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data); await writer.drain()
    finally:
        writer.close()
async def serve(reader, writer):
    try:
        there = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    except OSError:
        return writer.close()
    await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer), return_exceptions=True)
async def main():
    await (await asyncio.start_server(serve, '127.0.0.1', 8000)).serve_forever()
asyncio.run(main())
"""
"""Carries connections from the pod's loopback on to a Service."""

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4).close(); print('open')
except OSError as problem:
    print('closed', problem)
"""

FETCH = """
import json, sys, time, urllib.error, urllib.request
method, url, body, headers = json.loads(sys.argv[1])
data = json.dumps(body).encode() if body is not None else None
headers['content-type'] = 'application/json'
deadline = time.monotonic() + 15
while True:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            status, text = answer.status, answer.read()
            break
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
        break
    except urllib.error.URLError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.2)
print(json.dumps([status, text.decode()]))
"""
"""One request. Nodes learn of a ready pod a moment after the API server: a connection is tried for some seconds."""

END = """
import os, sys
from pathlib import Path
for proc in Path('/proc').glob('[0-9]*'):
    if int(proc.name) != os.getpid() and sys.argv[1] in (proc / 'cmdline').read_text():
        os.kill(int(proc.name), 9)
"""
KILLED = 137

KILL = """
import os, sys
from pathlib import Path
pod, what = sys.argv[1].replace('-', '_'), sys.argv[2]
for proc in Path('/proc').glob('[0-9]*'):
    try:
        of_pod = pod in (proc / 'cgroup').read_text().replace('-', '_')
        if of_pod and what in (proc / 'cmdline').read_text().replace(chr(0), ' '):
            os.kill(int(proc.name), 9)
            print(proc.name)
    except FileNotFoundError:
        pass
"""


def pod(name: str, *command: str, security: Object = RESTRICTED, **spec: Any) -> Object:
    """A pod of the instance's image that runs Python code."""
    container = {"name": "main", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "securityContext": security}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"e2e": name}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "containers": [{**container, "command": ["python", "-c", *command]}],
            **spec,
        },
    }


class Client:
    """A pod that asks with Python's own urllib."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self._name = cluster, name

    @classmethod
    def create(cls, cluster: Cluster, name: str = "client", **options: Any) -> Client:
        """Makes the pod; options are those of `pod`."""
        cluster.apply(pod(name, "import signal; signal.pause()", **options))
        cluster.wait(f"pod/{name}", "condition=Ready")
        return cls(cluster, name)

    def python(self, code: str, *args: str) -> str:
        """Runs code in the pod and returns what it printed."""
        return self._cluster.kubectl("exec", self._name, "--", "python", "-c", code, *args).strip()

    @contextmanager
    def start(self, code: str, *args: str) -> Iterator[IO[str]]:
        """Runs code in the pod beside the test, and ends it; yields the lines it prints.

        Raises:
            AssertionError: it ended with an error of its own.
        """
        command = ["kubectl", "-n", self._cluster.namespace, "exec", self._name, "--", "python", "-c", code, *args]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            yield process.stdout
            self.python(END, code)
            assert process.wait(PATIENCE) in (0, KILLED)

    def connects(self, host: str, port: int) -> bool:
        """Whether a connection can be opened."""
        return self.python(CONNECT, host, str(port)) == "open"

    def request(self, method: str, url: str, key: str | None = None, body: object = None) -> tuple[int, Any]:
        """An HTTP request: the status and the JSON that came back (text where it is none)."""
        headers = {"x-chroma-token": key} if key else {}
        status, text = json.loads(self.python(FETCH, json.dumps([method, url, body, headers])))
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text


@contextmanager
def gate(cluster: Cluster, name: str, host: str, port: int) -> Iterator[int]:
    """A loopback port of this machine that leads through a pod to a Service of the cluster.

    `kubectl port-forward service/...` picks a pod and goes round the Service and its NetworkPolicy.
    """
    cluster.apply(pod(name, RELAY, host, str(port)))
    cluster.wait(f"pod/{name}", "condition=Ready")
    try:
        with forwarded(cluster, name, 8000) as local:
            yield local
    finally:
        cluster.delete("pod", name)


@contextmanager
def forwarded(cluster: Cluster, pod: str, port: int) -> Iterator[int]:
    """A loopback port of this machine that leads to a port of a pod."""
    command = ["kubectl", "-n", cluster.namespace, "port-forward", f"pod/{pod}", f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        try:
            assert forward.stdout is not None
            line = forward.stdout.readline()
            if "->" not in line:
                raise CommandFailed(f"{' '.join(command)}: {line}")
            # it prints a line per connection, and stops when nobody reads them
            threading.Thread(target=forward.stdout.read, daemon=True).start()
            local = int(line.split(" -> ")[0].rsplit(":", 1)[1])
            socket.create_connection(("127.0.0.1", local), timeout=PATIENCE).close()
            yield local
        finally:
            forward.terminate()


class Node:
    """A pod that sees the node's processes: SIGKILL cannot come from inside a container to its first one."""

    def __init__(self, cluster: Cluster) -> None:
        cluster.kubectl("label", "namespace", cluster.namespace, "pod-security.kubernetes.io/enforce-", "--overwrite")
        privileged: Object = {"privileged": True, "runAsUser": 0}
        self._client = Client.create(cluster, "node", security=privileged, hostPID=True)

    def kill(self, pod_uid: str, command: str) -> None:
        """Kills -9 the pod's processes whose command line contains `command`.

        Raises:
            AssertionError: there is none.
        """
        assert self._client.python(KILL, pod_uid, command), f"no process {command!r} in pod {pod_uid}"
