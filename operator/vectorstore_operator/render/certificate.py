"""The certificate of a store's pods: a Secret of its namespace, mounted as a folder, and whether it is there."""

from __future__ import annotations

from pathlib import Path

from vectorstore_operator import names
from vectorstore_operator.address import scheme
from vectorstore_operator.objects import Children, Object
from vectorstore_operator.plan import Resolved
from vectorstore_operator.refusal import Refusal

ENTRIES = ("tls.crt", "tls.key")


def volumes(store: Resolved) -> list[Object]:
    """The pod's volume with it."""
    if store.spec.tls is None:
        return []
    return [{"name": "tls", "secret": {"secretName": store.spec.tls.secret_name, "defaultMode": 0o440}}]


def mounts(store: Resolved, folder: Path) -> list[Object]:
    """Where the container finds it."""
    return [{"name": "tls", "mountPath": str(folder), "readOnly": True}] if store.spec.tls else []


def leader_url(store: Resolved) -> str:
    """Where a store's followers ask its leader, which shows the same certificate as they do."""
    return names.leader_url(scheme(store), store.name, store.namespace)


def settled(store: Resolved, children: Children) -> bool:
    """Whether all pods answer with the certificate that is wanted: then nobody needs to look for it."""
    live = children.get(("StatefulSet", store.name))
    if live is None:
        return False
    mounted = live["spec"]["template"]["spec"].get("volumes") or ()
    secrets = {volume["name"]: volume.get("secret", {}).get("secretName") for volume in mounted}
    answering = (live.get("status") or {}).get("readyReplicas", 0)
    return (
        store.spec.tls is not None and secrets.get("tls") == store.spec.tls.secret_name and answering >= store.replicas
    )


def missing(name: str, secret: Object | None) -> Refusal | None:
    """Why pods could not start with this Secret; None if they can."""
    make = f"kubectl create secret tls {name} --cert=tls.crt --key=tls.key"
    if secret is None:
        return Refusal(
            "CertificateMissing",
            f"spec.tls.secretName: the store's namespace has no Secret {name!r}; make it ({make}) or remove tls",
            again=10,
        )
    lacking = [entry for entry in ENTRIES if not (secret.get("data") or {}).get(entry)]
    if not lacking:
        return None
    return Refusal(
        "CertificateMissing",
        f"spec.tls.secretName: Secret {name!r} has no {' and no '.join(lacking)}; make it anew ({make}) or remove tls",
        again=10,
    )
