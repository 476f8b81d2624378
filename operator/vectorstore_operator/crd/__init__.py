"""The CRDs, made of the pydantic models: `python -m vectorstore_operator.crd DIR` writes them.

Defaults appear only where a plan has no say: in plans themselves, and `replicas: 1` in stores, without
which their scale subresource cannot be read.
"""

from __future__ import annotations

from typing import Any

import yaml

from vectorstore_operator.api import GROUP, VERSION
from vectorstore_operator.api.backup import NAME_RULE as BACKUP_NAME_RULE
from vectorstore_operator.api.backup import BackupSpec, BackupStatus, GrantSpec
from vectorstore_operator.api.plan import PlanSpec, PlanStatus
from vectorstore_operator.api.store import NAME_RULE, StoreSpec, StoreStatus
from vectorstore_operator.crd.structural import Schema, structural

HEADER = "# Made of vectorstore_operator/api by `python -m vectorstore_operator.crd crds`: change it there.\n"


def crd(plural: str, kind: str, short: str, scope: str, root: Schema, **version: Any) -> Schema:
    """A CustomResourceDefinition with the one version there is."""
    schema = {
        "type": "object",
        "description": root.pop("description"),
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            **root.pop("properties"),
        },
        **root,
    }
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {**names, "shortNames": [short], "categories": ["vectorstore"]},
            "versions": [
                {"name": VERSION, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **version}
            ],
        },
    }


def column(name: str, path: str, type_: str = "string", priority: int = 0) -> Schema:
    """A column of `kubectl get`; with a priority above 0 only of `-o wide`."""
    wide = {"priority": priority} if priority else {}
    return {"name": name, "type": type_, "jsonPath": path, **wide}


def condition(type_: str, field: str = "status") -> str:
    """Path of a field of a condition."""
    return f'.status.conditions[?(@.type=="{type_}")].{field}'


def store_crd() -> Schema:
    """VectorStore."""
    spec = structural(StoreSpec, defaults=False)
    spec["default"] = {}  # so that a store without a spec has replicas
    spec["properties"]["replicas"]["default"] = StoreSpec.model_fields["replicas"].default
    return crd(
        "vectorstores",
        "VectorStore",
        "vst",
        "Namespaced",
        {
            "description": "One tenant's vector store.",
            "properties": {"spec": spec, "status": structural(StoreStatus, defaults=False)},
            "x-kubernetes-validations": [NAME_RULE.model_dump()],
        },
        additionalPrinterColumns=[
            column("Plan", ".status.plan"),
            column("Ready", condition("Ready")),
            column("Documents", ".status.documents"),
            column("URL", ".status.url"),
            column("Age", ".metadata.creationTimestamp", "date"),
            column("Version", ".status.version", priority=1),
            column("Reason", condition("Ready", "reason"), priority=1),
        ],
        subresources={
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
    )


def plan_crd() -> Schema:
    """VectorStorePlan."""
    return crd(
        "vectorstoreplans",
        "VectorStorePlan",
        "vstplan",
        "Cluster",
        {
            "description": "A class of vector stores: what they may hold and what they get for it.",
            "required": ["spec"],
            "properties": {"spec": structural(PlanSpec), "status": structural(PlanStatus, defaults=False)},
        },
        additionalPrinterColumns=[
            column("Default", ".spec.default", "boolean"),
            column("Documents", ".spec.documents", "integer"),
            column("Min", ".spec.replicas.min", "integer"),
            column("Max", ".spec.replicas.max", "integer"),
            column("Memory", ".status.memory"),
            column("Storage", ".status.storage"),
            column("Stores", ".status.stores", "integer"),
            column("Accepted", condition("Accepted")),
            column("Rollout", ".status.rollout.state"),
            column("Age", ".metadata.creationTimestamp", "date"),
            column("Updated", ".status.rollout.updated", "integer", priority=1),
            column("Failed", ".status.rollout.failed", "integer", priority=1),
        ],
        subresources={"status": {}},
    )


def backup_crd() -> Schema:
    """VectorStoreBackup."""
    return crd(
        "vectorstorebackups",
        "VectorStoreBackup",
        "vstbackup",
        "Namespaced",
        {
            "description": "One backup of a vector store.",
            "required": ["spec"],
            "properties": {
                "spec": structural(BackupSpec, defaults=False),
                "status": structural(BackupStatus, defaults=False),
            },
            "x-kubernetes-validations": [BACKUP_NAME_RULE.model_dump()],
        },
        additionalPrinterColumns=[
            column("Store", ".spec.store"),
            column("Phase", ".status.phase"),
            column("Taken", ".status.takenAt", "date"),
            column("Documents", ".status.documents", "integer"),
            column("Size", ".status.size", "integer"),
            column("Verified", condition("Verified")),
            column("Age", ".metadata.creationTimestamp", "date"),
            column("Destination", ".status.destination", priority=1),
            column("Reason", condition("Complete", "reason"), priority=1),
        ],
        subresources={"status": {}},
    )


def grant_crd() -> Schema:
    """VectorStoreBackupGrant."""
    return crd(
        "vectorstorebackupgrants",
        "VectorStoreBackupGrant",
        "vstgrant",
        "Namespaced",
        {
            "description": "Whose stores may be restored from backups of this namespace.",
            "required": ["spec"],
            "properties": {"spec": structural(GrantSpec, defaults=False)},
        },
        additionalPrinterColumns=[
            column("From", ".spec.from"),
            column("Names", ".spec.names"),
            column("Age", ".metadata.creationTimestamp", "date"),
        ],
    )


def files() -> dict[str, str]:
    """File names and what belongs into them."""
    kinds = (store_crd(), plan_crd(), backup_crd(), grant_crd())
    return {f"{c['spec']['names']['plural']}.yaml": render(c) for c in kinds}


def render(definition: Schema) -> str:
    """A definition as the text of its file."""
    return HEADER + yaml.safe_dump(definition, sort_keys=False, width=110)
