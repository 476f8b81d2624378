"""Collections go into a store of a cluster and out of it through the API server, and come back as they were."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tests.e2e.cluster import Cluster, run
from tests.e2e.stores import Store

PLUGIN = "from vectorstore_operator.cli.main import kubectl; kubectl()"
RECORDS = 1500


def vectorstore(cluster: Cluster, *words: str) -> Any:
    """What the plugin reports."""
    return json.loads(run(sys.executable, "-c", PLUGIN, *words, "-n", cluster.namespace, "-o", "json"))


def test_collections_come_out_of_a_cluster_as_they_went_in(cluster: Cluster, tmp_path: Path) -> None:
    Store(cluster, "acme", model="none", dimension=3)
    vectors = np.random.default_rng(5).standard_normal((RECORDS, 3)).astype(np.float32)
    rows = ({"id": f"id{n}", "embedding": row.tolist(), "metadata": {"n": n}} for n, row in enumerate(vectors))
    (tmp_path / "notes.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    told = vectorstore(cluster, "import", "acme", "--from", str(tmp_path / "notes.jsonl"), "--space", "l2")
    assert (told["ok"], told["collections"][0]["written"]) == (True, RECORDS)
    again = vectorstore(cluster, "import", "acme", "--from", str(tmp_path / "notes.jsonl"))
    assert again["collections"][0]["equal"] == RECORDS
    out = vectorstore(cluster, "export", "acme", "--to", str(tmp_path / "out"), "--format", "parquet")
    assert out["collections"][0]["checksums"]["vectors"] == told["collections"][0]["checksums"]["vectors"]
