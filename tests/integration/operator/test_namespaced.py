"""An operator of some namespaces alone, with the rights that the chart gives it there and no others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.apiserver import ApiServer
from tests.support.operators import Tenant, accepted, running, wait_until

CHART = Path(__file__).parents[3] / "charts" / "vectorstore-operator"
HELM = shutil.which("helm", path=f"{os.environ['PATH']}:{os.environ.get('KUBEBUILDER_ASSETS', '')}")
PLURALS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}

pytestmark = pytest.mark.skipif(HELM is None, reason="needs helm")


def installed(server: ApiServer, namespace: str, folder: Path) -> Path:
    """The chart's accounts and rights for one namespace; a kubeconfig of the operator's account."""
    command = [str(HELM), "template", f"of-{namespace}", str(CHART), "-n", namespace, "--kube-version", "1.30.0"]
    text = subprocess.check_output([*command, "--set", f"watchNamespaces={{{namespace}}}"], text=True)
    account = ""
    for obj in filter(None, yaml.safe_load_all(text)):
        meta = obj["metadata"]
        if path := PLURALS.get(obj["kind"]):
            status, answer = server.apply(f"{path.format(meta.get('namespace'))}/{meta['name']}", obj, "helm")
            assert status in (200, 201), answer
        account = meta["name"] if obj["kind"] == "ServiceAccount" else account
    path = f"{PLURALS['ServiceAccount'].format(namespace)}/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    status, answer = server.call("POST", path, request)
    assert status == 201, answer
    config: dict[str, Any] = json.loads(server.kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": answer["status"]["token"]}}]
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    return kubeconfig


async def test_the_chart_s_rights_in_one_namespace_are_enough_there_and_end_there(
    served: ApiServer, tenant: Tenant, plan: str, tmp_path: Path
) -> None:
    elsewhere = Tenant(tenant.cluster, "default")
    kubeconfig = installed(served, tenant.namespace, tmp_path)
    ours = {"watch_namespaces": tenant.namespace, "namespace": tenant.namespace}
    with running(kubeconfig, tmp_path, **ours, log_format="json", instance_image="example.invalid/i:1") as operator:
        stranger = await elsewhere.store("elsewhere", plan=plan)
        await tenant.store("acme", plan=plan)
        await tenant.until("VectorStore", "acme", accepted)
        await tenant.until("StatefulSet", "acme")
        await tenant.delete("VectorStore", "acme")
        wait_until(operator.settled)
        assert [labels for labels, _ in operator.requests() if labels["code"] == "403"] == []
        assert operator.value("stores") == 0
        assert "status" not in await elsewhere.have("VectorStore", "elsewhere")
        await elsewhere.cluster.delete(stranger)
    for line in operator.log.read_text().splitlines():
        assert json.loads(line)["severity"]
