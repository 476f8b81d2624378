"""Which world a command means is said by its name alone; and what a shell is told to complete it."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from vectorstore_operator.cli.kube import cluster
from vectorstore_operator.cli.machine import machine
from vectorstore_operator.cli.main import cli

SAME = {"get", "status", "usage", "connect", "logs", "pause", "resume", "hibernate", "wake", "import", "export"}
SAME |= {"backup", "backups", "restore"}


def test_both_worlds_have_the_same_verbs() -> None:
    assert set(cluster.commands) >= SAME
    objects = {"up", "down", "schedule"}  # a cluster has kubectl apply and delete, and an operator for these
    assert set(machine.commands) - set(cluster.commands) <= objects


def test_no_variable_turns_a_command_to_a_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    monkeypatch.setenv("VECTORSTORE_HOME", str(tmp_path))
    told = CliRunner().invoke(cli, ["get"])
    assert (told.exit_code, "no stores in" in told.stderr) == (0, True)


@pytest.mark.parametrize("command", [(cli, ["--cluster", "get"]), (cluster, ["get"])])
def test_a_cluster_is_meant_where_it_is_said(
    command: tuple[click.Group, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    told = CliRunner().invoke(*command)
    assert "no cluster: /nowhere does not exist" in str(told.exception)


def test_a_clusters_option_is_refused_on_one_machine() -> None:
    with pytest.raises(click.UsageError, match=r"-n.*kubectl vectorstore"):
        cli.main(["get", "-n", "tenants"], standalone_mode=False)


def test_the_names_of_stores_are_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("acme", "apex", "beta"):
        (tmp_path / "stores" / name).mkdir(parents=True)
        (tmp_path / "stores" / name / "store.json").touch()
    monkeypatch.setenv("VECTORSTORE_HOME", str(tmp_path))
    complete = ShellComplete(cli, {}, "vectorstore", "")
    assert [item.value for item in complete.get_completions(["status"], "a")] == ["acme", "apex"]
    assert {item.value for item in complete.get_completions([], "")} >= SAME
    assert "-A" not in {item.value for item in complete.get_completions(["get"], "-")}
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert complete.get_completions(["--cluster", "status"], "a") == []
    assert "-A" in {item.value for item in complete.get_completions(["--cluster", "get"], "-")}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(shell: str) -> None:
    told = CliRunner().invoke(cli, ["completion", shell])
    assert "_VECTORSTORE_COMPLETE" in told.stdout


def test_one_machine_needs_no_client_of_kubernetes() -> None:
    code = (
        "import sys, vectorstore_operator.cli.main; sys.exit(any(m in sys.modules for m in ('kubernetes', 'aiohttp')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_cluster_without_its_client_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['kubernetes'] = None; sys.argv[1:] = ['get']\n"
        "from vectorstore_operator.cli.main import kubectl; kubectl()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs the Python package kubernetes: pip install 'vectorstore-operator[cli,operator]'" in done.stderr
