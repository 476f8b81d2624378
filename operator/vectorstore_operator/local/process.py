"""The running part of a store: start its supervisor, see it, ask its instance, end it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectorstore_instance.settings import Settings
from vectorstore_operator.local import Problem

_LOCK = "supervisor.lock"
"""Holds the supervisor's id, and is locked while it or its instance lives: the lock says what runs."""
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT
_POLL_SECONDS = 0.05
_ATTACHED_SECONDS = 0.5
_STOP_SECONDS = 90.0
"""Longer than the supervisor gives its instance."""
_LOG_BYTES = 10 << 20


class Crashed(Problem):
    """The instance ended instead of getting ready."""


@dataclass(frozen=True)
class Run:
    """What the supervisor tells of its instance."""

    pid: int | None = None
    restarts: int = 0
    code: int | None = None
    """Exit code of the last instance that ended by itself."""


def is_running(folder: Path) -> bool:
    """Whether a supervisor or its instance lives."""
    try:
        with (folder / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def read_run(folder: Path) -> Run:
    """What is known of the instance; nothing where nothing runs."""
    try:
        return Run(**json.loads((folder / "run.json").read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return Run()


def start(folder: Path, log: Path, settings: Settings, *, attached: bool) -> None:
    """Starts a supervisor; returns before its instance answers.

    The lock is taken here and inherited there, so that there is no moment in which the store seems
    not to run.

    Args:
        folder: the store's.
        log: what both say goes to its end.
        settings: the instance's.
        attached: whether the supervisor ends with this process.
    """
    (folder / "run.json").unlink(missing_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.rename(log.with_suffix(".log.1"))
    with (folder / _LOCK).open("w") as lock, open(os.open(log, _APPEND, 0o600), "ab") as output:
        fcntl.flock(lock, fcntl.LOCK_EX)
        arguments = [str(folder), str(lock.fileno()), *([str(os.getpid())] if attached else [])]
        subprocess.Popen(
            [sys.executable, "-P", "-m", "vectorstore_operator.local.supervisor", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,  # no .env of the caller's folder is read there
            env=_environ(settings),
            start_new_session=True,  # Ctrl-C is for the command; the store is ended in order
            pass_fds=(lock.fileno(),),
        )


def _environ(settings: Settings) -> dict[str, str]:
    """The caller's environment without what could be taken for a setting, and the settings."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return kept | settings.environ()


def await_ready(folder: Path, management_url: str, seconds: float, *, fresh: bool) -> None:
    """Waits until the instance serves.

    Args:
        folder: the store's.
        management_url: where its probes are.
        seconds: how long to wait at most.
        fresh: whether it was just started, so that a first crash is the answer.

    Raises:
        Crashed: it ended.
        Problem: it is not ready yet.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run = read_run(folder)
        if fresh and (run.restarts or not is_running(folder)):
            raise Crashed(f"the instance ended at its start with exit code {run.code}")
        if run.pid and _fetch(f"{management_url}/readyz") is not None:
            return
        time.sleep(_POLL_SECONDS)  # an HTTP probe: there is no event to wait for
    raise Problem(f"the instance is not ready after {seconds:g} s; it goes on starting")


def stop(folder: Path) -> None:
    """Ends supervisor and instance in order; returns when both are gone.

    Raises:
        Problem: they do not end.
    """
    deadline = time.monotonic() + _STOP_SECONDS
    told = False
    while is_running(folder):
        told = told or _terminate(folder)
        if time.monotonic() > deadline:
            raise Problem(f"process {read_run(folder).pid} does not end; end it with kill -9 and try again")
        time.sleep(_POLL_SECONDS)  # for a lock of other processes' to be released


def _terminate(folder: Path) -> bool:
    """Tells the supervisor to stop; False while it has not yet said who it is."""
    pid = (folder / _LOCK).read_text()
    with contextlib.suppress(ProcessLookupError):  # killed, and its instance is ending by itself
        if pid:
            os.kill(int(pid), signal.SIGTERM)
    return bool(pid)


def await_end(folders: Collection[Path]) -> None:
    """Waits until none of these stores runs any more."""
    while any(map(is_running, folders)):
        time.sleep(_ATTACHED_SECONDS)  # for locks of other processes' to be released


def read_usage(url: str, key: str) -> dict[str, Any] | None:
    """What the store holds, as `GET /stats` answers; None where it does not answer."""
    return _fetch(f"{url}/stats", key)


def _fetch(url: str, key: str = "") -> dict[str, Any] | None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - always http://127.0.0.1
    try:
        with _DIRECT.open(request, timeout=2) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _unverified() -> ssl.SSLContext:
    """A certificate is for the names that clients use; here a process of this user is asked on loopback."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


_DIRECT = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_unverified())
)
"""To this machine, whatever proxy the environment names."""


def last_lines(log: Path, begin: int = 0, count: int = 8) -> list[str]:
    """The last lines that were written to a log behind a position."""
    with log.open("rb") as file:
        file.seek(begin)
        return file.read().decode(errors="replace").splitlines()[-count:]
