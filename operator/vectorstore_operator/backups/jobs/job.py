"""The Job that does one thing for one backup or store, and the Secret it is given. Pure.

Both are in the operator's namespace, so that no tenant's ever holds the key of a bucket. The Secret belongs to the
Job and goes with it; both are called by what they are for, so that a second one cannot come to be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vectorstore_instance.backup.job import Job
from vectorstore_operator import names
from vectorstore_operator.backups.known import Item
from vectorstore_operator.cluster.kinds import JOB, SECRET
from vectorstore_operator.keys.secretdata import encoded
from vectorstore_operator.objects import Object
from vectorstore_operator.quantity import MI, from_bytes
from vectorstore_operator.settings import OperatorSettings

Verb = Literal["backup", "verify", "restore", "delete"]

FOR_ANNOTATION = "vectorstore.dev/for"
"""On Jobs and their pods: `backup/NAMESPACE/NAME` or `store/NAMESPACE/NAME`, whom it is for."""
NAMES_ANNOTATION = "vectorstore.dev/backups"
"""On Jobs that delete: the names of the backups whose archives go."""
COMPONENT = "backup"
"""`app.kubernetes.io/component` of Jobs and their pods: what NetworkPolicies know them by."""
KEPT = 3600
"""Seconds for which a Job that ended is kept: the operator takes its result within moments, people may read its log."""
MEMORY = 512 * MI
LEAST_SCRATCH = 64 * MI
FOLDER, CLAIM = "/etc/backup", "/backup"


@dataclass(frozen=True)
class Purpose:
    """What one Job is for."""

    of: Item
    """Whose status tells of it; a store's for restores and for the archives of many backups that go."""
    uid: str
    """Of that object, or of what stands for it: names of Jobs are made of it."""
    verb: Verb
    attempt: int = 1
    """Which try it is, from 1."""

    @property
    def name(self) -> str:
        """Of Job and Secret."""
        return f"vb-{self.verb}-{self.uid.replace('-', '')[:20]}-{self.attempt}"


@dataclass(frozen=True)
class Order:
    """All that is needed to start a Job."""

    purpose: Purpose
    job: Job
    """What it is to do."""
    secrets: Mapping[str, str] = field(repr=False)
    """Entries beside job.json: `token`, `access-key-id`, ..."""
    scratch: int = LEAST_SCRATCH
    """Bytes of temporary files."""
    memory: int = MEMORY
    """Bytes; half of it is kept free for it by the scheduler."""
    claim: str | None = None
    """The volume claim of the operator's namespace that is its destination."""
    hours: float = 6.0
    """Which it may take, its wait for a node and the image included."""


def job(order: Order, settings: OperatorSettings) -> Object:
    """The Job; it satisfies the restricted Pod Security Standard. A try that fails is followed by a Job of its own."""
    purpose = order.purpose
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.name,
        "metadata": {"name": purpose.name, "namespace": settings.namespace, **_marks(order)},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": math.ceil(order.hours * 3600),
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": _marks(order), "spec": _pod(order, settings)},
        },
    }


def secret(order: Order, live: Object) -> Object:
    """The Secret that the pod waits for and that goes with the Job.

    Args:
        order: what the Job is to do, and the keys to it.
        live: the Job as it was made.
    """
    entries = {"job.json": order.job.model_dump_json(by_alias=True, exclude_none=True), **order.secrets}
    owner = {
        "apiVersion": JOB.api_version,
        "kind": JOB.name,
        "name": order.purpose.name,
        "uid": live["metadata"]["uid"],
    }
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.name,
        "metadata": {
            "name": order.purpose.name,
            "namespace": live["metadata"]["namespace"],
            "labels": _labels(order.purpose),
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "immutable": True,
        "data": {name: encoded(text) for name, text in entries.items()},
    }


def _labels(purpose: Purpose) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "vectorstore",
        "app.kubernetes.io/component": COMPONENT,
        "app.kubernetes.io/managed-by": names.MANAGER,
        names.BACKUP_LABEL: purpose.uid,
    }


def _marks(order: Order) -> Object:
    marks = {FOR_ANNOTATION: "/".join(order.purpose.of)}
    if order.job.verb == "delete":
        marks[NAMES_ANNOTATION] = " ".join(order.job.names)
    return {"labels": _labels(order.purpose), "annotations": marks}


def _pod(order: Order, settings: OperatorSettings) -> Object:
    claim = order.claim
    mounts: list[Object] = [
        {"name": "job", "mountPath": FOLDER, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
    ]
    volumes: list[Object] = [
        {"name": "job", "secret": {"secretName": order.purpose.name, "defaultMode": 0o440}},
        {"name": "tmp", "emptyDir": {"sizeLimit": from_bytes(max(order.scratch, LEAST_SCRATCH))}},
    ]
    if claim:
        mounts.append({"name": "backups", "mountPath": CLAIM})
        volumes.append({"name": "backups", "persistentVolumeClaim": {"claimName": claim}})
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 60,
        "securityContext": _security(settings),
        "containers": [
            {
                "name": "backup",
                "image": settings.instance_image,
                "imagePullPolicy": settings.image_pull_policy,
                "command": ["python", "-m", "vectorstore_instance.backup"],
                "resources": {
                    "requests": {"cpu": "100m", "memory": from_bytes(order.memory // 2)},
                    "limits": {"cpu": "1", "memory": from_bytes(order.memory)},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }


def _security(settings: OperatorSettings) -> Object:
    context: Object = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if settings.run_as == "platform":
        return context
    ids = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), settings.run_as)
    return context | ids | {"fsGroupChangePolicy": "OnRootMismatch"}
