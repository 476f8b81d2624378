"""What ships for Prometheus and Grafana: it speaks of metrics there are, fires when it should, and is explained."""

from __future__ import annotations

import json
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.exposition import generate_latest
from tests.support.promtool import PROMTOOL, known, metrics_in, needs_prometheus, operator_metrics
from tests.unit.deploy.test_chart import CHART, ROOT, needs_helm, pick, render

ALERTS = CHART / "monitoring" / "alerts.yaml"
CASES = Path(__file__).parent / "alerts.yaml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
]
DASHBOARD = json.loads((CHART / "monitoring" / "dashboard.json").read_text())
EVERYTHING = tuple(
    chain.from_iterable(
        ("--set", f"monitoring.{one}.enabled=true") for one in ("serviceMonitor", "podMonitor", "rules", "dashboard")
    )
)

by_name = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def test_names_of_metrics_are_found_in_expressions() -> None:
    asked = 'sum by (a, b) (rate(x_total{c=~"d"}[5m])) / on (e) time() > y_seconds and z'
    assert metrics_in(asked) == {"x_total", "y_seconds", "z"}


@by_name
def test_an_alert_asks_for_metrics_that_there_are(rule: dict[str, Any]) -> None:
    asked = metrics_in(rule["expr"])
    assert asked
    assert asked <= known()


@by_name
def test_an_alert_has_a_page_that_says_what_to_do(rule: dict[str, Any]) -> None:
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page.stem == rule["alert"]
    text = page.read_text()
    assert text.startswith(f"# {rule['alert']}\n")
    assert [head for head in ("## Meaning", "## Look", "## Do") if head not in text] == []


@by_name
def test_an_alert_is_shown_to_fire(rule: dict[str, Any]) -> None:
    assert rule["alert"] in CASES.read_text()
    assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_every_page_called_like_an_alert_is_that_of_one() -> None:
    pages = {page.stem for page in (ROOT / "docs" / "runbooks").glob("VectorStore*.md")}
    assert pages == {rule["alert"] for rule in RULES}


@needs_prometheus
@pytest.mark.parametrize(("command", "file"), [("check", ALERTS), ("test", CASES)])
def test_promtool_agrees(command: str, file: Path) -> None:
    done = subprocess.run([str(PROMTOOL), command, "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_promtool_finds_the_operator_s_metrics_well_named() -> None:
    page = generate_latest(operator_metrics().registry)
    done = subprocess.run([str(PROMTOOL), "check", "metrics"], input=page, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for target in chain.from_iterable(panel["targets"] for panel in panels):
        assert metrics_in(target["expr"]) <= known(), target["expr"]


@needs_helm
def test_nothing_of_it_comes_unasked() -> None:
    assert {found["apiVersion"] for found in render()}.isdisjoint({"monitoring.coreos.com/v1"})
    assert not pick(render(), "ConfigMap")


@needs_helm
def test_the_monitors_find_the_pods_and_name_the_jobs_that_alerts_go_by() -> None:
    found = render(*EVERYTHING, "--set", "monitoring.labels.release=prometheus")
    (service,) = pick(found, "Service")
    (operator,) = pick(found, "ServiceMonitor")
    (stores,) = pick(found, "PodMonitor")
    (deployment,) = pick(found, "Deployment")
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    assert operator["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert operator["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert stores["spec"]["namespaceSelector"] == {"any": True}
    jobs = [
        endpoint["relabelings"][0]["replacement"]
        for endpoint in (operator["spec"]["endpoints"][0], stores["spec"]["podMetricsEndpoints"][0])
    ]
    assert jobs == ["vectorstore-operator", "vectorstore-instance"]
    for one in (operator, stores, *pick(found, "PrometheusRule")):
        assert one["metadata"]["labels"]["release"] == "prometheus"
    (some,) = pick(render(*EVERYTHING, "--set", "watchNamespaces={a}"), "PodMonitor")
    assert some["spec"]["namespaceSelector"] == {"matchNames": ["a"]}


@needs_helm
def test_the_rules_are_the_file_with_the_pages_where_they_are_served() -> None:
    (rules,) = pick(
        render(*EVERYTHING, "--set", "monitoring.rules.runbookUrl=https://wiki.example/pages"), "PrometheusRule"
    )
    given = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
    for rule in given:
        assert rule["annotations"].pop("runbook_url") == f"https://wiki.example/pages/{rule['alert']}.md"
    shipped = [rule | {"annotations": dict(rule["annotations"])} for rule in RULES]
    for rule in shipped:
        del rule["annotations"]["runbook_url"]
    assert given == shipped


@needs_helm
def test_the_dashboard_is_the_file() -> None:
    (found,) = pick(render(*EVERYTHING), "ConfigMap")
    assert json.loads(found["data"]["vectorstores.json"]) == DASHBOARD
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
