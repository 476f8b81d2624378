"""The operator's environment."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from vectorstore_operator.settings import OperatorSettings, wrong


def test_lists_and_labels_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_WATCH_NAMESPACES", "a, b")
    monkeypatch.setenv("OPERATOR_LABELS", "app=x,tier=y")
    monkeypatch.setenv("OPERATOR_RUN_AS", "platform")
    monkeypatch.setenv("OPERATOR_METRICS_FROM", '[{"podSelector": {}}]')
    settings = OperatorSettings()
    assert settings.metrics_from == ({"podSelector": {}},)
    assert settings.watch_namespaces == ("a", "b")
    assert settings.labels == {"app": "x", "tier": "y"}
    assert settings.run_as == "platform"


def test_what_is_empty_counts_as_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_WATCH_NAMESPACES", "")
    monkeypatch.setenv("OPERATOR_RUN_AS", "10002")
    settings = OperatorSettings()
    assert settings.watch_namespaces == ()
    assert settings.run_as == 10002


def test_two_processes_never_have_one_identity() -> None:
    assert OperatorSettings().identity != OperatorSettings().identity


def test_a_wrong_label_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_LABELS", "app")
    with pytest.raises(ValidationError, match="app: not key=value"):
        OperatorSettings()


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("OPERATOR_METRICS_FROM", "{", "OPERATOR_METRICS_FROM: .*not a JSON array.*, not '{'"),
        ("OPERATOR_METRICS_FROM", "[1]", "OPERATOR_METRICS_FROM: .*, not 1"),
        ("OPERATOR_RUN_AS", "root", "OPERATOR_RUN_AS: .*integer.*, not 'root'"),
        ("OPERATOR_WORKERS", "many", "OPERATOR_WORKERS: .*integer.*, not 'many'"),
    ],
)
def test_a_wrong_one_is_told_by_the_name_it_is_set_by(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as raised:
        OperatorSettings()
    assert re.fullmatch(told, wrong(raised.value)[0])
