"""A kopf operator written the usual way, for comparison: `kopf run --standalone -n NAMESPACE plain_operator.py`.

Handlers for creation, updates and resumption, plain functions, the synchronous client, and every child
created or, where it is there, patched. No look at children that change, no conditions, no Events, no
second replica: what the tutorials show. https://docs.kopf.dev/en/stable/walkthrough/creation/
"""

from __future__ import annotations

from typing import Any

import kopf
from kubernetes import client, config

from vectorstore_operator.api import GROUP, VERSION
from vectorstore_operator.keys.secretdata import fresh_key
from vectorstore_operator.plan import Resolved, accept
from vectorstore_operator.render import Platform, desired, keys

PLATFORM = Platform("example.invalid/instance:1", "tenants", {"app": "operator"}, b"secret")


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    config.load_kube_config()
    client.ApiClient.set_default(client.ApiClient())  # else every call has a connection of its own
    settings.posting.enabled = False  # an Event per handler and store, more than any of the others writes


@kopf.on.create(GROUP, VERSION, "vectorstores")
@kopf.on.update(GROUP, VERSION, "vectorstores", field="spec")
@kopf.on.resume(GROUP, VERSION, "vectorstores")
def reconcile(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
    """Brings a store about."""
    store = dict(body)
    found = client.CustomObjectsApi().list_cluster_custom_object(GROUP, VERSION, "vectorstoreplans")
    wanted = accept.store(store, found["items"], {})
    if not isinstance(wanted, Resolved):
        raise kopf.PermanentError(wanted.message)
    secret = credentials(wanted)
    for phase in desired(wanted, PLATFORM, {("Secret", secret["metadata"]["name"]): secret}):
        for child in phase:
            create_or_patch(child)
    patch.status["observedGeneration"] = body["metadata"]["generation"]
    patch.status["plan"] = wanted.plan.name


def credentials(wanted: Resolved) -> dict[str, Any]:
    """The tenant's keys, made once."""
    secret, api = keys.credentials(wanted, fresh_key(), fresh_key()), client.CoreV1Api()
    try:
        api.create_namespaced_secret(wanted.namespace, secret)
    except client.ApiException as error:
        if error.status != 409:
            raise
        live = api.read_namespaced_secret(secret["metadata"]["name"], wanted.namespace)
        secret["data"] = live.data
    return secret


def create_or_patch(child: dict[str, Any]) -> None:
    """Creates a child, or patches the one that is there."""
    api, word = METHODS[child["kind"]]
    name, namespace = child["metadata"]["name"], child["metadata"]["namespace"]
    try:
        getattr(api(), f"create_namespaced_{word}")(namespace, child)
    except client.ApiException as error:
        if error.status != 409:
            raise
        getattr(api(), f"patch_namespaced_{word}")(name, namespace, child)


METHODS = {
    "ServiceAccount": (client.CoreV1Api, "service_account"),
    "Secret": (client.CoreV1Api, "secret"),
    "ConfigMap": (client.CoreV1Api, "config_map"),
    "Service": (client.CoreV1Api, "service"),
    "NetworkPolicy": (client.NetworkingV1Api, "network_policy"),
    "StatefulSet": (client.AppsV1Api, "stateful_set"),
    "HorizontalPodAutoscaler": (client.AutoscalingV2Api, "horizontal_pod_autoscaler"),
    "PodDisruptionBudget": (client.PolicyV1Api, "pod_disruption_budget"),
}
