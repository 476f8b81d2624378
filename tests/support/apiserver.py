"""A real API server with its etcd, on loopback ports of their own: the binaries of `KUBEBUILDER_ASSETS`.

No controllers run: what is applied stays as it is. One token is a cluster administrator's; RBAC is on.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Answer = dict[str, Any]

READY_WITHIN = 90.0
"""Seconds; a quiet machine needs three."""


@dataclass(frozen=True)
class ApiServer:
    """How to reach it, as an administrator."""

    kubeconfig: Path
    url: str
    token: str
    ca: Path

    def call(self, method: str, path: str, body: object = None, type_: str = "application/json") -> tuple[int, Answer]:
        """One request; returns the HTTP status and the answer, which for an error is a metav1.Status."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": type_},
        )
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(self.ca))) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            return error.code, json.loads(text) if text.startswith("{") else {"message": text}

    def apply(self, path: str, body: object, manager: str = "vectorstore-operator") -> tuple[int, Answer]:
        """A forced server-side apply of one object to its path."""
        return self.call("PATCH", f"{path}?fieldManager={manager}&force=true", body, "application/apply-patch+yaml")

    def install(self, definitions: Iterable[Answer]) -> None:
        """Applies CRDs and waits until their kinds are served.

        Raises:
            AssertionError: one is refused or not served in time; says why.
        """
        for definition in definitions:
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
            status, answer = self.apply(path, definition)
            assert status in (200, 201), answer["message"]
            group, version = definition["spec"]["group"], definition["spec"]["versions"][0]["name"]
            served = f"/apis/{group}/{version}/{definition['spec']['names']['plural']}"
            deadline = time.monotonic() + READY_WITHIN
            while self.call("GET", served)[0] != 200:
                assert time.monotonic() < deadline, self.call("GET", path)[1].get("status")
                time.sleep(0.05)


@contextmanager
def running(binaries: Path, folder: Path) -> Iterator[ApiServer]:
    """An API server that is ready, until the context ends.

    Raises:
        RuntimeError: a process ended or was not ready in time; shows the end of its log.
    """
    with storage(binaries, folder) as etcd, serving(binaries, folder, etcd) as server:
        yield server


@contextmanager
def storage(binaries: Path, folder: Path) -> Iterator[int]:
    """What an API server keeps everything in, and outlives it: the port of an etcd."""
    port, peer = _free_ports(2)
    with _process(_etcd(binaries, folder, port, peer), folder / "etcd.log"):
        yield port


@contextmanager
def serving(binaries: Path, folder: Path, etcd: int, port: int | None = None) -> Iterator[ApiServer]:
    """An API server of that etcd; on the same folder and port it is the former one, come back."""
    port = port or _free_ports(1)[0]
    tokens, key = folder / "tokens.csv", folder / "service-accounts.key"
    if not tokens.exists():
        tokens.write_text(f"{secrets.token_urlsafe(16)},admin,admin,system:masters\n")
        key.write_text(_private_key())
    token = tokens.read_text().partition(",")[0]
    ready = ApiServer(folder / "kubeconfig", f"https://127.0.0.1:{port}", token, folder / "certs" / "apiserver.crt")
    with _process(_server(binaries, folder, etcd, port), folder / "apiserver.log") as server:
        _wait(server, ready, folder / "apiserver.log")
        ready.kubeconfig.write_text(json.dumps(_kubeconfig(ready)))
        try:
            yield ready
        finally:
            server.kill()  # it would wait for its watches; what it knows is in the etcd


def _etcd(binaries: Path, folder: Path, port: int, peer: int) -> list[str]:
    clients, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    return [
        str(binaries / "etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
        "--log-level=error",
    ]


def _server(binaries: Path, folder: Path, etcd: int, port: int) -> list[str]:
    key = folder / "service-accounts.key"
    return [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # refuses loopback addresses
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certs'}",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--service-account-issuer=https://127.0.0.1",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",  # waits for a controller that is not there
    ]


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=sink) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], server: ApiServer, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            request = urllib.request.Request(
                f"{server.url}/readyz", headers={"Authorization": f"Bearer {server.token}"}
            )
            with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=str(server.ca))):
                return
        except OSError:  # no certificate yet, nobody listens yet, 500: not ready
            time.sleep(0.1)
    raise RuntimeError(f"kube-apiserver is not ready:\n{log.read_text()[-2000:]}")


def _kubeconfig(server: ApiServer) -> dict[str, object]:
    cluster = {"server": server.url, "certificate-authority-data": base64.b64encode(server.ca.read_bytes()).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": server.token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }


def _private_key() -> str:
    """A fresh P-256 key as PEM: SEC 1's ECPrivateKey with the curve named and the public half left out."""
    der = b"\x30\x31\x02\x01\x01\x04\x20" + secrets.token_bytes(32) + bytes.fromhex("a00a06082a8648ce3d030107")
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END EC PRIVATE KEY-----\n"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        servers = [stack.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in servers]
