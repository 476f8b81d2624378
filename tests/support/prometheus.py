"""A real Prometheus on loopback that reads real instances and evaluates the rules that ship, at a quicker pace."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.support.instances import free_port
from tests.support.promtool import PROMETHEUS

ALERTS = Path(__file__).parents[2] / "charts" / "vectorstore-operator" / "monitoring" / "alerts.yaml"

WITHIN = 60.0
"""Seconds that anything may take on a busy machine."""


@dataclass
class Prometheus:
    """One Prometheus process."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by name."""
        alerts = httpx.get(f"{self.url}/api/v1/alerts").json()["data"]["alerts"]
        return {alert["labels"]["alertname"]: alert for alert in alerts if alert["state"] == "firing"}

    def until_firing(self, name: str, **labels: str) -> dict[str, Any]:
        """The alert of that name and with these labels, once it fires."""
        deadline = time.monotonic() + WITHIN
        while True:
            found = self.firing().get(name)
            if found and labels.items() <= found["labels"].items():
                return found
            assert time.monotonic() < deadline, (name, self.firing())
            time.sleep(0.1)

    def until_quiet(self, name: str) -> None:
        """Waits until no alert of that name fires."""
        deadline = time.monotonic() + WITHIN
        while name in self.firing():
            assert time.monotonic() < deadline, name
            time.sleep(0.1)


def quicker(rules: str) -> str:
    """The rules with everything that is to hold for minutes holding for a second."""
    groups = yaml.safe_load(rules)["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        if "for" in rule:
            rule["for"] = "1s"
    return yaml.safe_dump({"groups": groups})


@contextmanager
def watching(folder: Path, targets: dict[str, int]) -> Iterator[Prometheus]:
    """A Prometheus that reads these stores, by name and management port, until the context ends."""
    folder.mkdir(exist_ok=True)
    (folder / "alerts.yaml").write_text(quicker(ALERTS.read_text()))
    stores = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": "tenants", "store": store}}
        for store, port in targets.items()
    ]
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [{"job_name": "vectorstore-instance", "static_configs": stores}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [str(PROMETHEUS), "--config.file=prometheus.yaml", "--storage.tsdb.path=data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], cwd=folder, stdout=log, stderr=log)
        try:
            found = Prometheus(f"http://{address}")
            _wait_ready(found, process, folder / "log")
            yield found
        finally:
            process.terminate()
            process.wait(WITHIN)


def _wait_ready(prometheus: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + WITHIN
    while True:
        assert process.poll() is None, log.read_text()[-4000:]
        try:
            if httpx.get(f"{prometheus.url}/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.1)
