"""The process that keeps one instance running: starts it, starts it again, ends it in order.

    python -m vectorstore_operator.local.supervisor FOLDER LOCK [PARENT]

It knows nothing of the store but its folder: the instance's settings are in the environment that
both inherit. It lives alone in a session of its own, until it is told to stop by SIGTERM; with
PARENT, the id of an attached command, also until that one ends. LOCK is a descriptor that both
inherit, too: its file, which tells the supervisor's id, is locked as long as one of them lives.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

STOP_SECONDS = 60
"""An instance may take so long to end its writes and its engine."""
HEALTHY_SECONDS = 60
"""An instance that ran so long starts the next row of attempts at the shortest wait."""
LONGEST_WAIT = 10.0

_PR_SET_PDEATHSIG = 1
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


def wait_before(attempt: int) -> float:
    """Seconds to wait before the n-th new start in a row, counted from 1."""
    return min(LONGEST_WAIT, 0.25 * 2.0 ** min(attempt, 10))


class Supervisor:
    """One instance, kept running."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        self._restarts = 0

    def run(self) -> None:
        """Returns when told to stop and the instance has ended."""
        attempt = 0
        while True:
            child = self._start()
            began = time.monotonic()
            if not self._ended(child):
                stop(child)
                return
            self._restarts += 1
            attempt = 1 if time.monotonic() - began > HEALTHY_SECONDS else attempt + 1
            self._tell(None, child.returncode)
            print(f"the instance ended with {child.returncode}; starting it again", file=sys.stderr, flush=True)
            if _stopped_within(wait_before(attempt)):
                return

    def _start(self) -> subprocess.Popen[bytes]:
        parent = os.getpid()

        def in_child() -> None:
            # Blocked signals are inherited, and a supervisor that is killed must leave no instance behind.
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            die_with(parent)

        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "vectorstore_instance"],
            stdin=subprocess.DEVNULL,
            preexec_fn=in_child,  # safe here: this process has one thread
            pass_fds=(self._lock,),
        )
        self._tell(child.pid, None)
        return child

    def _ended(self, child: subprocess.Popen[bytes]) -> bool:
        """Waits for the end of the child (True) or the order to stop (False)."""
        while signal.sigwaitinfo(_SIGNALS).si_signo == signal.SIGCHLD:
            if child.poll() is not None:
                return True
        return False

    def _tell(self, pid: int | None, code: int | None) -> None:
        scratch = self._folder / ".run.json.part"
        scratch.write_text(json.dumps({"pid": pid, "restarts": self._restarts, "code": code}))
        scratch.rename(self._folder / "run.json")


def stop(child: subprocess.Popen[bytes]) -> None:
    """Ends the instance in order, and by force where it does not."""
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"the instance did not end within {STOP_SECONDS} s and is killed", file=sys.stderr, flush=True)
        child.kill()
        child.wait()


def _stopped_within(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        arrived = signal.sigtimedwait(_SIGNALS, left)
        if arrived is not None and arrived.si_signo != signal.SIGCHLD:
            return True
    return False


def die_with(parent: int) -> None:
    """Asks the kernel for SIGTERM when the parent ends: https://man7.org/linux/man-pages/man2/prctl.2.html"""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def main(folder: str, lock: str, parent: str = "") -> None:
    """Supervises the instance of a folder."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    if parent:
        die_with(int(parent))
    os.pwrite(int(lock), str(os.getpid()).encode(), 0)
    Supervisor(Path(folder), int(lock)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
