"""The alerts that ship fire in a real Prometheus when real instances are in trouble, and cease when they are not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.instances import Running
from tests.support.prometheus import watching
from tests.support.promtool import needs_prometheus

Start = Callable[..., Running]
VECTORS = {"MODEL_NAME": "none", "DIMENSION": "3"}

pytestmark = needs_prometheus


def rows(running: Running, first: int, count: int) -> None:
    collection = running.chroma().get_or_create_collection("rows", embedding_function=None)
    numbers = range(first, first + count)
    collection.upsert(ids=[str(n) for n in numbers], embeddings=[[1.0, 2.0, float(n)] for n in numbers])


def test_a_quota_that_is_nearly_used_and_a_store_that_recovered_or_ended(start: Start, tmp_path: Path) -> None:
    well, much = start(**VECTORS, MAX_DOCS="10"), start(**VECTORS, MAX_DOCS="10")
    rows(well, 0, 9)
    with watching(tmp_path / "prometheus", {"well": well.management_port, "much": much.management_port}) as prometheus:
        rows(much, 0, 10)
        told = prometheus.until_firing("VectorStoreQuotaNearlyUsed", store="much", resource="documents")
        assert told["annotations"]["summary"] == "Store tenants/much has used 100% of its documents."
        assert told["annotations"]["runbook_url"] == "docs/runbooks/VectorStoreQuotaNearlyUsed.md"
        much.chroma().get_collection("rows").delete(ids=[str(n) for n in range(5)])
        prometheus.until_quiet("VectorStoreQuotaNearlyUsed")

        well.kill_engine()
        prometheus.until_firing("VectorStoreRecovered", store="well")

        much.end(signal.SIGKILL)
        prometheus.until_firing("VectorStoreDown", store="much")
        much.restart()
        prometheus.until_quiet("VectorStoreDown")
        prometheus.until_firing("VectorStoreRecovered", store="much")  # counted before the new process was asked
        assert prometheus.query("vectorstore_volume_free_bytes / vectorstore_volume_bytes")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a tmpfs")
def test_a_full_disk(start: Start, volume: Path, tmp_path: Path) -> None:
    full = start(**VECTORS, DATA_DIR=str(volume / "data"))
    rows(full, 0, 1)
    with watching(tmp_path / "prometheus", {"full": full.management_port}) as prometheus:
        room = os.statvfs(volume)
        (volume / "ballast").write_bytes(b"\0" * (room.f_bavail * room.f_frsize - (2 << 20)))
        prometheus.until_firing("VectorStoreVolumeNearlyFull", store="full")
        told = prometheus.until_firing("VectorStoreReadOnly", store="full")
        assert told["labels"]["severity"] == "critical"
        (volume / "ballast").unlink()
        prometheus.until_quiet("VectorStoreReadOnly")
