"""`vectorstore` as a user runs it: the real command, real instances, a home of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chromadb

CLI = [sys.executable, "-m", "vectorstore_operator.cli"]


def manifest(name: str = "acme", **spec: Any) -> str:
    """A store of 3-d vectors, which needs no model, unless said otherwise."""
    spec = {"model": "none", "dimension": 3} | spec
    document = {
        "apiVersion": "vectorstore.dev/v1alpha1",
        "kind": "VectorStore",
        "metadata": {"name": name},
        "spec": {field: value for field, value in spec.items() if value is not None},
    }
    return json.dumps(document)


@dataclass(frozen=True)
class Machine:
    """A machine with a home for stores."""

    home: Path

    @property
    def environ(self) -> dict[str, str]:
        return os.environ | {"VECTORSTORE_HOME": str(self.home)}

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs the command and expects an exit code; no message is ever a trace."""
        done = subprocess.run(
            [*CLI, *arguments], input=stdin, env=self.environ, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def up(self, *documents: str, code: int = 0) -> str:
        return self.run("up", "-f", "-", stdin="\n---\n".join(documents), code=code).stderr

    def get(self, name: str = "acme") -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.run("get", name, "-o", "json").stdout)
        return shown

    def chroma(self, name: str = "acme", key: str = "readWriteKeyFile") -> chromadb.ClientAPI:
        store = self.get(name)
        headers = {"x-chroma-token": Path(store[key]).read_text().strip()}
        return chromadb.HttpClient("127.0.0.1", int(store["url"].rpartition(":")[2]), headers=headers)

    def processes(self) -> set[int]:
        """Every process that works in this home."""
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if Path(os.readlink(folder / "cwd")).is_relative_to(self.home):
                    found.add(int(folder.name))
            except OSError:
                continue
        return found
