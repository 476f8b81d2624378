"""Node and the packages that a lock file names, installed once into the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_UNREACHABLE = re.compile(
    r"\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED)\b"
)


def packages(project: Path) -> Path:
    """A folder with what `project`'s lock file names, in its `node_modules`; every package checked by its digest.

    Skips the test where there is no npm of Node 20 or newer, or where its registry is not reached.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    version = run("node", "--version", cwd=project).stdout
    if int(version.lstrip("v").partition(".")[0]) < 20:
        pytest.skip(f"node is {version.strip()}, and chromadb needs 20")
    lock = (project / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vectorstore-tests"
    folder = cache / hashlib.sha256(lock).hexdigest()[:16]
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch) / "project"
            made.mkdir()
            _install(project, made)
            with contextlib.suppress(OSError):  # another run was faster
                made.rename(folder)
    return folder


def _install(project: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(project / name, folder)
    options = ("--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    done = run("npm", "ci", *options, cwd=folder)
    if found := _UNREACHABLE.search(done.stderr):
        pytest.skip(f"npm does not reach its registry: {found[0]}")
    assert done.returncode == 0, done.stderr


def run(*command: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command and what it said; judged by the caller."""
    environment = os.environ | environ
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)
