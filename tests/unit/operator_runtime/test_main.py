"""The program's answers to an environment that cannot work."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from vectorstore_operator.main import main


@pytest.fixture(autouse=True)
def _the_log_as_before() -> Iterator[None]:
    """The program sets the log of its process up, which here is that of all tests."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)


def test_a_wrong_setting_is_named_with_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPERATOR_WORKERS", "many")
    assert main() == 2
    told = capsys.readouterr().err
    assert "OPERATOR_WORKERS" in told
    assert "'many'" in told


@pytest.mark.parametrize("content", [None, "", "clusters: 7", "\t"])
def test_without_a_cluster_it_ends_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert main() == 2
    assert "set KUBECONFIG or run in a pod" in caplog.text


def test_outside_a_pod_and_without_kubeconfig_it_says_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert main() == 2
    assert "set KUBECONFIG or run in a pod" in caplog.text


def test_for_machines_every_line_is_one_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("OPERATOR_LOG_FORMAT", "json")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert main() == 2
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        logging.getLogger("vectorstore_operator").exception("with a trace")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {"timestamp", "severity", "message"} <= lines[0].keys()
    assert "set KUBECONFIG" in lines[-2]["message"]
    assert (lines[-1]["severity"], lines[-1]["message"]) == ("error", "with a trace")
    assert "RuntimeError: two" in lines[-1]["exc_info"]
