"""kubectl and helm as a user runs them, with bounded waits and errors that say what was run."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Object = dict[str, Any]

PATIENCE = 120
"""Seconds that a wait takes at most, unless it says otherwise."""


class CommandFailed(AssertionError):
    """A command that ended with an error; carries what it said."""


def run(*command: str, stdin: str | None = None, timeout: float = 2 * PATIENCE) -> str:
    """Runs a command and returns what it printed.

    Raises:
        CommandFailed: it ended with an error, which the message holds.
    """
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def eventually(look: Callable[[], T], timeout: float = PATIENCE, every: float = 0.5) -> T:
    """What `look` returns once it no longer raises an AssertionError; for what no watch tells.

    Raises:
        AssertionError: the last one, when the time is up.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return look()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(every)


class Cluster:
    """One namespace of the cluster that KUBECONFIG points to."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def kubectl(self, *args: str, stdin: str | None = None, timeout: float = PATIENCE) -> str:
        """Runs kubectl in the namespace."""
        return run("kubectl", "-n", self.namespace, *args, stdin=stdin, timeout=timeout + 30)

    def apply(self, *objects: Object) -> None:
        """Applies objects as `kubectl apply -f` does."""
        self.kubectl("apply", "-f", "-", stdin="\n---\n".join(json.dumps(o) for o in objects))

    def get(self, kind: str, name: str) -> Object:
        """One object."""
        found: Object = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found

    def list(self, kind: str, selector: str = "") -> list[Object]:
        """All objects of a kind, or those a label selector picks."""
        items: list[Object] = json.loads(self.kubectl("get", kind, "-l", selector, "-o", "json"))["items"]
        return items

    def exists(self, kind: str, name: str) -> bool:
        """Whether there is such an object."""
        return bool(self.kubectl("get", kind, name, "--ignore-not-found", "-o", "name").strip())

    def delete(self, kind: str, name: str, *options: str) -> None:
        """Deletes an object and waits until it is gone."""
        self.kubectl("delete", kind, name, f"--timeout={PATIENCE}s", *options)

    def wait(self, what: str, condition: str, timeout: int = PATIENCE) -> None:
        """Waits until `what` (kind/name) meets what `kubectl wait --for` takes."""
        self.kubectl("wait", what, f"--for={condition}", f"--timeout={timeout}s", timeout=timeout)

    def condition(self, what: str, kind: str) -> Object:
        """One condition of `what` (kind/name).

        Raises:
            AssertionError: the object does not have it, or it speaks of an older spec.
        """
        found = self.get(*what.split("/"))
        conditions = {c["type"]: c for c in found.get("status", {}).get("conditions", [])}
        assert kind in conditions, f"{what}: no condition {kind} in {list(conditions)}"
        condition: Object = conditions[kind]
        assert condition["observedGeneration"] == found["metadata"]["generation"], condition
        return condition

    def __enter__(self) -> Cluster:
        """Makes the namespace, which refuses pods that are not restricted."""
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": self.namespace,
                    "labels": {"e2e": "namespace", "pod-security.kubernetes.io/enforce": "restricted"},
                },
            }
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the namespace with all in it, which takes a while: `all_gone` waits for it."""
        self.kubectl("delete", "namespace", self.namespace, "--wait=false")


def all_gone() -> None:
    """Waits until no namespace of these tests is left."""
    run("kubectl", "wait", "namespace", "-l", "e2e=namespace", "--for=delete", f"--timeout={PATIENCE}s")
