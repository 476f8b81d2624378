"""Completion by the shell: click's own for bash, zsh and fish, and an answer to kubectl's question."""

from __future__ import annotations

import sys

import click
from click.shell_completion import ShellComplete, get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete this command.

    bash: source <(vectorstore completion bash); zsh: the same with zsh; fish: vectorstore completion fish | source.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    root = context.find_root()
    click.echo(kind(root.command, {}, "vectorstore", "_VECTORSTORE_COMPLETE").source())


def kubectl() -> None:
    """`kubectl_complete-vectorstore`: kubectl asks it what may come next, and says what is typed so far.

    https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/#shell-completion-for-plugins
    The answer ends with cobra's directive 4: no names of files.
    """
    from vectorstore_operator.cli.kube import cluster

    *typed, begun = sys.argv[1:] or [""]
    found = ShellComplete(cluster, {}, "kubectl vectorstore", "").get_completions(typed, begun)
    for item in found:
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(":4")
