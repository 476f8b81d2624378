"""A store as its tenant knows it: a manifest, a URL and the keys in its Secret."""

from __future__ import annotations

import base64
from typing import Any

from tests.e2e import manifests
from tests.e2e.cluster import Cluster, Object
from tests.e2e.pods import Client


class Store:
    """One VectorStore of a namespace."""

    def __init__(self, cluster: Cluster, name: str, **spec: Any) -> None:
        """Applies the manifest and waits until the store is ready."""
        self.cluster = cluster
        self.name = name
        self.apply(**spec)
        self.ready()

    def apply(self, **spec: Any) -> None:
        """Applies the manifest with this spec."""
        self.cluster.apply(manifests.store(self.name, **spec))

    def ready(self) -> None:
        """Waits until the operator calls this very spec ready."""
        generation = self.cluster.get("vst", self.name)["metadata"]["generation"]
        self.cluster.wait(f"vst/{self.name}", f"jsonpath={{.status.observedGeneration}}={generation}")
        self.cluster.wait(f"vst/{self.name}", "condition=Ready")

    @property
    def url(self) -> str:
        """Where clients reach it inside the cluster."""
        url: str = self.cluster.get("vst", self.name)["status"]["url"]
        return url

    def key(self, role: str = "read-write") -> str:
        """A key from the tenant's Secret."""
        secret = self.cluster.get("vst", self.name)["status"]["secret"]
        return base64.b64decode(self.cluster.get("secret", secret)["data"][role]).decode()

    def pod(self, ordinal: int = 0) -> Object:
        """One of its pods."""
        return self.cluster.get("pod", f"{self.name}-{ordinal}")

    def ask(self, client: Client, method: str, path: str, body: object = None) -> Any:
        """What a request with the read-write key returns.

        Raises:
            AssertionError: it was refused.
        """
        status, answer = client.request(method, f"{self.url}{path}", self.key(), body)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer
