"""The pods of a store and their volumes; before an engine elsewhere pods alone.

Selector, claim template, serviceName and podManagementPolicy cannot be changed once they are there; a
golden test freezes them.
"""

from __future__ import annotations

from vectorstore_operator import names
from vectorstore_operator.objects import Children, Object, belongs
from vectorstore_operator.plan import Resolved
from vectorstore_operator.plan.claimed import size_of
from vectorstore_operator.quantity import from_bytes
from vectorstore_operator.render.meta import child, marked
from vectorstore_operator.render.platform import Platform
from vectorstore_operator.render.pod import pod_spec

RETAIN = {"whenDeleted": "Retain", "whenScaled": "Retain"}


def stateful_set(store: Resolved, platform: Platform, children: Children) -> Object:
    """The StatefulSet. Nobody else writes its replicas: the autoscaler scales the VectorStore."""
    spec = {
        "replicas": store.replicas,
        "serviceName": names.headless(store.name),
        # OrderedReady waits for ever for a broken pod of the revision that is to be replaced.
        "podManagementPolicy": "Parallel",
        **({} if store.remote else {"persistentVolumeClaimRetentionPolicy": RETAIN}),
        "selector": {"matchLabels": names.selector(store.name)},
        "template": {
            "metadata": {"labels": names.labels(store.name)},
            "spec": pod_spec(store, platform),
        },
        **({} if store.remote else {"volumeClaimTemplates": [_claims(store, children)]}),
    }
    return marked(store, child(store, "apps/v1", "StatefulSet", store.name, spec=spec))


def _claims(store: Resolved, children: Children) -> Object:
    live = children.get(("StatefulSet", store.name))
    if live and belongs(live, store.name, store.uid):
        return _kept_template(live, store.storage)
    return _claim_template(store)


def _claim_template(store: Resolved) -> Object:
    spec = {
        "accessModes": [store.plan.spec.storage.access_mode],
        "resources": {"requests": {"storage": from_bytes(store.storage)}},
    }
    named = {"storageClassName": store.storage_class} if store.storage_class else {}
    return _template(names.labels(store.name), spec | named)


def _kept_template(live: Object, size: int) -> Object:
    """The live template in the words of ours, so that neither a plan nor the server's defaults change it.

    Only where volumes grew is it another one, and the StatefulSet to be made anew.
    """
    template = live["spec"]["volumeClaimTemplates"][0]
    spec = {
        word: template["spec"][word]
        for word in ("accessModes", "resources", "storageClassName")
        if word in template["spec"]
    }
    if size > size_of(template):
        spec["resources"] = {"requests": {"storage": from_bytes(size)}}
    return _template(template["metadata"]["labels"], spec)


def outgrown(live: Object | None, store: Resolved) -> bool:
    """Whether the volumes are larger than a live StatefulSet's template, which cannot be changed, says."""
    if live is None or "deletionTimestamp" in live["metadata"] or not belongs(live, store.name, store.uid):
        return False
    return any(store.storage > size_of(template) for template in live["spec"].get("volumeClaimTemplates") or ())


def _template(labels: Object, spec: Object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "labels": labels},
        "spec": spec,
    }
