"""Prometheus' own programs, where they are installed, and what the metrics of both halves are called."""

from __future__ import annotations

import asyncio
import re
import shutil
from types import SimpleNamespace
from typing import Any

import pytest

from vectorstore_instance.core.families import FAMILIES
from vectorstore_operator.cluster.cache import Cache
from vectorstore_operator.telemetry.metrics import Metrics
from vectorstore_operator.telemetry.vitals import Vitals

PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    not (PROMTOOL and PROMETHEUS), reason="needs promtool and prometheus: the package prometheus of Debian and Ubuntu"
)

FOREIGN = {"up", "ALERTS"}
"""Metrics that Prometheus makes itself."""
PROCESS = {"process_start_time_seconds", "process_resident_memory_bytes"}
"""Those of them that its library tells of every process; of the engine's with `vectorstore_engine_` before it."""


def operator_metrics() -> Metrics:
    """Those of an operator that has nothing to do."""
    metrics = Metrics()
    watch: Any = SimpleNamespace(silent=0.0, listed=asyncio.Event())
    Vitals(Cache(), watch, (), lambda: None, dict).register(metrics)
    return metrics


def known() -> set[str]:
    """The names of all series there can be."""
    operator = list(operator_metrics().registry.collect())
    names = {f"{family.name}_total" if family.type == "counter" else family.name for family in operator}
    histograms = {family.name for family in operator if family.type == "histogram"}
    histograms |= {name for name, family in FAMILIES.items() if family.type == "histogram"}
    buckets = {f"{name}{end}" for name in histograms for end in ("_bucket", "_count", "_sum")}
    engine = {f"vectorstore_engine_{name}" for name in PROCESS}
    return names | set(FAMILIES) | buckets | PROCESS | engine | FOREIGN


_WORDS = {"by", "on", "or", "and", "unless", "without", "ignoring", "bool", "offset", "group_left", "group_right"}
_NOT_NAMES = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring)\s*\([^)]*\)')


def metrics_in(expression: str) -> set[str]:
    """The names of the series that an expression asks for."""
    bare = _NOT_NAMES.sub(" ", expression)
    return set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - _WORDS
