"""`vectorstore` and `kubectl vectorstore`: which world is meant, and how a command ends.

The command's name says which: `vectorstore` means this machine, `kubectl vectorstore` the cluster of the
kubeconfig, and `vectorstore --cluster` is the same for whom kubectl finds no plugins. Nothing else decides:
no variable, no file, and no store that happens to be in one of them.

What the user asked for goes to standard output, how it goes to standard error. Exit codes: 0 done,
1 it could not be done, 2 the command or the manifest is wrong, 3 `status` of a store that is not ready,
130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn

import click

from vectorstore_operator import __version__
from vectorstore_operator.cli.completion import completion
from vectorstore_operator.cli.kube import cluster
from vectorstore_operator.cli.machine import machine
from vectorstore_operator.cli.show import say
from vectorstore_operator.local import Invalid, Problem
from vectorstore_operator.local.folder import default_home

SETTINGS = {"help_option_names": ["-h", "--help"]}
OF_A_CLUSTER = ("-n", "--namespace", "-A", "--all-namespaces", "--context", "--kubeconfig")


class Worlds(click.Group):
    """Has the verbs of the machine, and with --cluster those of the cluster."""

    def invoke(self, context: click.Context) -> Any:
        """Runs the verb, and points who gives it an option of the other world there."""
        try:
            return super().invoke(context)
        except click.NoSuchOption as problem:
            if context.params.get("cluster") or problem.option_name not in OF_A_CLUSTER:
                raise
            hint = "it is for the stores of a cluster: `kubectl vectorstore` or `vectorstore --cluster`"
            raise click.UsageError(f"No such option: {problem.option_name}; {hint}", problem.ctx) from None

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The verb of that name in the world that is meant."""
        return self._world(context).get(name)

    def list_commands(self, context: click.Context) -> list[str]:
        """The verbs of the world that is meant."""
        return sorted(self._world(context))

    def _world(self, context: click.Context) -> dict[str, click.Command]:
        world = cluster if context.params.get("cluster") else machine
        return {**world.commands, **self.commands}


@click.command(cls=Worlds, context_settings=SETTINGS)
@click.option("--cluster", is_flag=True, is_eager=True, help="Stores of a cluster: the verbs of `kubectl vectorstore`.")
@click.version_option(__version__)
@click.pass_context
def cli(context: click.Context, cluster: bool) -> None:
    """Private, secured Chroma vector stores on this machine, or in a cluster.

    Stores of this machine live in VECTORSTORE_HOME (default: ~/.local/share/vectorstore).
    """
    context.obj = default_home()


cli.add_command(completion)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """`vectorstore`."""
    _run(cli, "vectorstore")


def kubectl() -> None:
    """`kubectl-vectorstore`, which kubectl calls."""
    _run(cluster, "kubectl vectorstore")


def _run(command: click.Group, name: str) -> None:
    """Runs a command line; a user meets messages, not traces."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        command(standalone_mode=False, prog_name=name)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except Invalid as problem:
        _fail(str(problem), 2)
    except Problem as problem:
        _fail(str(problem), 1)
    except BrokenPipeError:
        # Whoever read it has seen enough: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as problem:
        _fail(f"{problem.filename or 'this machine'}: {problem.strerror}", 1)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)


def _fail(text: str, code: int) -> NoReturn:
    say(f"Error: {text}")
    sys.exit(code)
