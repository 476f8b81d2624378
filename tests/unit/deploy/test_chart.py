"""The chart: what Helm makes of it, and that its copies are what they are copies of."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from vectorstore_operator import names
from vectorstore_operator.cluster.kinds import BACKUP, CHILDREN, GRANT, JOB, PLAN, STORE
from vectorstore_operator.settings import OperatorSettings

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "vectorstore-operator"
HELM = shutil.which("helm", path=f"{os.environ['PATH']}:{os.environ.get('KUBEBUILDER_ASSETS', '')}")
PLANS_KNOWN = ("--api-versions", "vectorstore.dev/v1alpha1/VectorStorePlan")

needs_helm = pytest.mark.skipif(HELM is None, reason="needs helm")

Object = dict[str, Any]


def helm(*args: str) -> str:
    """Runs helm and returns what it printed.

    Raises:
        AssertionError: it failed; holds its error.
    """
    done = subprocess.run([str(HELM), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(*options: str) -> list[Object]:
    """The objects of a release `test` in namespace `system`."""
    text = helm("template", "test", str(CHART), "-n", "system", "--kube-version", "1.30.0", *options)
    return [found for found in yaml.safe_load_all(text) if found]


def pick(objects: list[Object], kind: str) -> list[Object]:
    return [found for found in objects if found["kind"] == kind]


def test_the_chart_s_copies_are_up_to_date() -> None:
    copies = {path.name: path.read_text() for path in (CHART / "files").rglob("*.yaml")}
    sources = [*(ROOT / "crds").glob("*.yaml"), ROOT / "operator" / "vectorstore_operator" / "plans.yaml"]
    assert copies == {path.name: path.read_text() for path in sources}, "run scripts/chart"


@needs_helm
def test_helm_finds_nothing_to_mend() -> None:
    helm("lint", "--strict", str(CHART), "--kube-version", "1.30.0")


@needs_helm
def test_definitions_stay_when_the_release_goes() -> None:
    crds = pick(render(), "CustomResourceDefinition")
    assert {crd["spec"]["names"]["plural"] for crd in crds} == {kind.plural for kind in (STORE, PLAN, BACKUP, GRANT)}
    assert {crd["metadata"]["annotations"]["helm.sh/resource-policy"] for crd in crds} == {"keep"}
    assert not pick(render("--set", "crds.create=false"), "CustomResourceDefinition")


@needs_helm
@pytest.mark.parametrize("options", [(), PLANS_KNOWN], ids=["first install", "later"])
def test_plans_are_the_shipped_ones_and_stay(options: tuple[str, ...]) -> None:
    plans = pick(render(*options), "VectorStorePlan")
    shipped = yaml.safe_load_all((ROOT / "operator" / "vectorstore_operator" / "plans.yaml").read_text())
    assert {p["metadata"]["name"]: p["spec"] for p in plans} == {p["metadata"]["name"]: p["spec"] for p in shipped}
    for plan in plans:
        annotations = plan["metadata"]["annotations"]
        assert annotations["helm.sh/resource-policy"] == "keep"
        # Before the definitions are there Helm takes a hook alone; the rest lets it take the plan over later.
        assert annotations.get("helm.sh/hook") == (None if options else "post-install")
        assert annotations["meta.helm.sh/release-name"] == "test"
        assert annotations["meta.helm.sh/release-namespace"] == "system"
        assert plan["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert not pick(render(*options, "--set", "plans.create=false"), "VectorStorePlan")


@needs_helm
def test_the_operator_reads_its_environment_as_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    images = ("--set", "instance.image.repository=there/instance", "--set-string", "instance.image.tag=2")
    metrics = (
        "--set-json",
        'networkPolicy.metricsFrom=[{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]',
    )
    backups = ("--set", "clusterName=eu-1", "--set", "backups.atOnce=7")
    options = (*images, *metrics, *backups, "--set", "watchNamespaces={a,b}", "--set", "instance.runAsUser=null")
    (deployment,) = pick(render(*options), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    for variable in container["env"]:
        name = variable["name"].removeprefix("OPERATOR_").lower()
        assert name in OperatorSettings.model_fields, f"{variable['name']} is not read by the operator"
        monkeypatch.setenv(variable["name"], variable["value"])
    settings = OperatorSettings()
    assert settings.namespace == "system"
    assert settings.labels == deployment["spec"]["selector"]["matchLabels"]
    assert settings.instance_image == "there/instance:2"
    assert settings.watch_namespaces == ("a", "b")
    assert settings.run_as == "platform"
    assert (settings.cluster_name, settings.backups_at_once) == ("eu-1", 7)
    assert settings.metrics_from == ({"namespaceSelector": {"matchLabels": {"name": "monitoring"}}},)
    assert settings.port == container["ports"][0]["containerPort"]


@needs_helm
def test_the_operator_s_pod_is_restricted() -> None:
    (deployment,) = pick(render(), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert {"startupProbe", "livenessProbe", "readinessProbe", "resources"} <= container.keys()
    policy, _ = pick(render(), "NetworkPolicy")
    assert policy["spec"]["podSelector"] == {"matchLabels": deployment["spec"]["selector"]["matchLabels"]}
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    assert "ingress" not in policy["spec"], "nothing reaches the operator's pods but the kubelet"


@needs_helm
def test_nothing_reaches_the_jobs_of_backups() -> None:
    operator, jobs = pick(render(), "NetworkPolicy")
    assert jobs["spec"] == {"podSelector": {"matchLabels": names.JOB_LABELS}, "policyTypes": ["Ingress"]}
    assert jobs["metadata"]["namespace"] == operator["metadata"]["namespace"] == "system"
    assert not pick(render("--set", "networkPolicy.enabled=false"), "NetworkPolicy")


@needs_helm
def test_no_right_over_jobs_reaches_beyond_the_operator_s_namespace() -> None:
    roles = [role for kind in ("ClusterRole", "Role") for role in pick(render(), kind)]
    with_jobs = [role for role in roles if any("jobs" in rule["resources"] for rule in role["rules"])]
    assert [(role["kind"], role["metadata"].get("namespace")) for role in with_jobs] == [("Role", "system")]


@needs_helm
def test_rights_name_what_the_operator_touches_and_no_more() -> None:
    roles = pick(render(), "ClusterRole") + pick(render(), "Role")
    rules = [rule for role in roles for rule in role["rules"]]
    for rule in rules:
        assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]
        assert rule["resources"] == ["events"] or rule["verbs"] != ["create"]
    listed = {
        (group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if {"list", "watch"} <= set(rule["verbs"])
    }
    kinds = {
        (kind.api_version.rpartition("/")[0], kind.plural) for kind in (STORE, PLAN, BACKUP, GRANT, JOB, *CHILDREN)
    }
    assert listed == kinds


@needs_helm
def test_rights_over_stores_end_at_the_watched_namespaces() -> None:
    everywhere, some = render(), render("--set", "watchNamespaces={a,b}")
    stores = "test-vectorstore-operator-stores"
    assert stores in {b["roleRef"]["name"] for b in pick(everywhere, "ClusterRoleBinding")}
    (role,) = [role for role in pick(everywhere, "ClusterRole") if role["metadata"]["name"] == stores]
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        assert [found["metadata"]["name"] for found in pick(some, kind)] == ["test-vectorstore-operator-plans"]
    given = {r["metadata"]["namespace"]: r["rules"] for r in pick(some, "Role") if r["metadata"]["name"] == stores}
    assert given == {"a": role["rules"], "b": role["rules"]}
    bound = {b["metadata"]["namespace"] for b in pick(some, "RoleBinding") if b["roleRef"]["name"] == stores}
    assert bound == {"a", "b"}


def nothing(value: Any, depth: int) -> Any:
    """The value with all members of that depth null, but for those that must be there."""
    needed = ("image", "instance", "crds", "plans", "replicas", "repository", "create")
    if depth == 0 or not isinstance(value, dict):
        return None
    return {name: one if depth == 1 and name in needed else nothing(one, depth - 1) for name, one in value.items()}


@needs_helm
@pytest.mark.parametrize("depth", [1, 2])
def test_values_that_are_null_are_as_if_left_out(tmp_path: Path, depth: int) -> None:
    shipped = yaml.safe_load((CHART / "values.yaml").read_text())
    emptied = {name: value for name, value in nothing(shipped, depth).items() if depth == 1 or value is not None}
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(emptied))
    found = render("-f", str(values))
    (deployment,) = pick(found, "Deployment")
    environ = {one["name"]: one["value"] for one in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert (environ["OPERATOR_LOG_LEVEL"], environ["OPERATOR_LOG_FORMAT"]) == ("INFO", "text")
    assert pick(found, "NetworkPolicy"), "left out is not switched off"


@needs_helm
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("replica=2", "replica"),
        ("replicas=0", "replicas"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("instance.runAsUser=root", "runAsUser"),
        ("watchNamespaces={A_b}", "watchNamespaces"),
        ("clusterName=eu/1", "clusterName"),
        ("backups.atOnce=0", "atOnce"),
    ],
)
def test_a_wrong_value_is_refused_by_name(wrong: str, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        render("--set", wrong)


@needs_helm
def test_a_user_of_ten_digits_stays_a_whole_number(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"  # numbers of a file, unlike --set's, come as floats
    values.write_text("runAsUser: 1000680000\ninstance: {runAsUser: 1000680000}\n")
    (deployment,) = pick(render("-f", str(values)), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 1000680000
    assert {"name": "OPERATOR_RUN_AS", "value": "1000680000"} in pod["containers"][0]["env"]
