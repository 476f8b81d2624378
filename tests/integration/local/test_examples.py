"""Every example, run as it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.machine import Machine

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with the store of `examples/store.yaml`."""
    machine = Machine(tmp_path_factory.mktemp("machine") / "home")
    machine.run("up", "-f", str(ROOT / "examples" / "store.yaml"))
    yield machine
    machine.run("down", "--all")


def run(machine: Machine, *command: str) -> str:
    # `vectorstore` and `python` are those of this environment, as in an activated one.
    environ = machine.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_chromas_client(machine: Machine) -> None:
    said = run(machine, "python", "examples/python_client.py")
    assert "nearest to yellow: Red is the colour of fire." in said
    assert "among the cold ones: Green is the colour of grass." in said


def test_langchain(machine: Machine) -> None:
    said = run(machine, "python", "examples/langchain_client.py")
    assert "found: The invoice of April is open." in said
    assert "of March: The invoice of March is paid." in said


def test_curl(machine: Machine) -> None:
    said = run(machine, "examples/curl.sh")
    assert '"document":"Interest rates rose again."' in said
    assert '{"deleted":2}' in said


@pytest.mark.parametrize("name", ["vectors", "standard"])
def test_other_manifests(machine: Machine, name: str) -> None:
    machine.run("up", "-f", str(ROOT / "examples" / f"{name}.yaml"))
    assert "Ready" in machine.run("get").stdout
