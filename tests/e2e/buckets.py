"""An S3 server inside the cluster, and the key to it that a platform gives the operator."""

from __future__ import annotations

import json
from contextlib import suppress

from tests.e2e.chart import Chart
from tests.e2e.cluster import Cluster, CommandFailed, Object, eventually
from tests.e2e.pods import END, RESTRICTED

NAME = "backups"
PORT = 7070
ACCESS_KEY, SECRET_KEY = "an-access-key", "a-secret-key-of-the-platform"
SECRET = "e2e-bucket"
"""In the operator's namespace."""

# The shell is the first process, so that the server can be killed.
SERVE = f"mkdir -p /data/{NAME} && cd /data && versitygw --port :{PORT} --quiet --keep-alive posix /data; exit 1"
LIST = f"""
import json
from pathlib import Path
root = Path('/data/{NAME}')
files = (path.relative_to(root) for path in root.rglob('*') if path.is_file())
print(json.dumps(sorted(str(path) for path in files if '.sgwtmp' not in path.parts)))
"""


class Bucket:
    """A server with one bucket, for as long as the namespace is there."""

    def __init__(self, cluster: Cluster, image: str) -> None:
        """Makes pod and Service, and waits until it takes connections."""
        self.cluster = cluster
        service = {"metadata": {"name": "s3"}, "spec": {"selector": {"e2e": "s3"}, "ports": [{"port": PORT}]}}
        cluster.apply(_pod(image), {"apiVersion": "v1", "kind": "Service", **service})
        cluster.wait("pod/s3", "condition=Ready")

    @property
    def url(self) -> str:
        """Of the server, inside the cluster."""
        return f"http://s3.{self.cluster.namespace}.svc:{PORT}"

    def plan(self, prefix: str) -> Object:
        """What a plan says of backups that are kept here: one a year by itself, the others when asked for."""
        there = {"s3": {"bucket": NAME, "prefix": prefix, "endpoint": self.url}, "secretName": SECRET}
        return {"destination": there, "endpoints": [self.url], "schedule": "0 0 1 1 *"}

    def objects(self, prefix: str) -> list[str]:
        """The objects whose paths begin so."""
        listed: list[str] = json.loads(self.cluster.kubectl("exec", "s3", "--", "python", "-c", LIST))
        return [path for path in listed if path.startswith(prefix)]

    def kill(self) -> str:
        """SIGKILL for the server; returns when another has begun: RFC 3339."""
        before = self._container()["containerID"]
        with suppress(CommandFailed):  # it may take the one along that asked for it
            self.cluster.kubectl("exec", "s3", "--", "python", "-c", END, "versitygw")
        return eventually(lambda: self._another(before), every=0.2)

    def _another(self, before: str) -> str:
        now = self._container()
        assert now["ready"], now
        assert now["containerID"] != before
        began: str = now["state"]["running"]["startedAt"]
        return began

    def _container(self) -> Object:
        status: Object = self.cluster.get("pod", "s3")["status"]["containerStatuses"][0]
        return status


def credentials(secret_key: str = SECRET_KEY) -> None:
    """Gives the operator the key to the bucket, or what is none."""
    entries = {"access-key-id": ACCESS_KEY, "secret-access-key": secret_key}
    Chart.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": entries})


def _pod(image: str) -> Object:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", SERVE],
        "env": [{"name": "ROOT_ACCESS_KEY", "value": ACCESS_KEY}, {"name": "ROOT_SECRET_KEY", "value": SECRET_KEY}],
        "securityContext": RESTRICTED | {"runAsUser": 10001},
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "s3", "labels": {"e2e": "s3"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "containers": [container],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    }
