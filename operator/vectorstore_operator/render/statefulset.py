"""The pods of a store and their volumes.

Selector, claim template, serviceName and podManagementPolicy cannot be changed once they are there; a
golden test freezes them.
"""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.objects import Children, Object, belongs
from vectorstore_operator.plan import Resolved
from vectorstore_operator.quantity import from_bytes
from vectorstore_operator.render.meta import child
from vectorstore_operator.render.platform import Platform
from vectorstore_operator.render.pod import pod_spec


def stateful_set(store: Resolved, platform: Platform, children: Children) -> Object:
    """The StatefulSet. Nobody else writes its replicas: the autoscaler scales the VectorStore."""
    live = children.get(("StatefulSet", store.name))
    claims = _kept_template(live) if live and belongs(live, store.name, store.uid) else _claim_template(store)
    spec = {
        "replicas": store.replicas,
        "serviceName": names.headless(store.name),
        # OrderedReady waits for ever for a broken pod of the revision that is to be replaced.
        "podManagementPolicy": "Parallel",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "selector": {"matchLabels": names.selector(store.name)},
        "template": {
            "metadata": {"labels": names.labels(store.name)},
            "spec": pod_spec(store, platform),
        },
        "volumeClaimTemplates": [claims],
    }
    return child(store, "apps/v1", "StatefulSet", store.name, spec=spec)


def _claim_template(store: Resolved) -> Object:
    spec = {
        "accessModes": [store.plan.spec.storage.access_mode],
        "resources": {"requests": {"storage": from_bytes(store.storage)}},
    }
    named = {"storageClassName": store.storage_class} if store.storage_class else {}
    return _template(names.labels(store.name), spec | named)


def _kept_template(live: Object) -> Object:
    """The live template in the words of ours, so that neither a plan nor the server's defaults change it."""
    template = live["spec"]["volumeClaimTemplates"][0]
    spec = {
        word: template["spec"][word]
        for word in ("accessModes", "resources", "storageClassName")
        if word in template["spec"]
    }
    return _template(template["metadata"]["labels"], spec)


def _template(labels: Object, spec: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "labels": labels},
        "spec": spec,
    }
