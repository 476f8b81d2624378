"""The three that bring stores about, as processes, and what the kernel says of each."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.scale.site import NAMESPACE, Site

FOLDER = Path(__file__).parent.parent
RAW = "raw loop"
OURS = "operator"
PLAIN = "plain kopf operator"
COMMANDS = {
    RAW: [sys.executable, str(FOLDER / "raw_loop.py")],
    OURS: [sys.executable, "-m", "vectorstore_operator"],
    PLAIN: [sys.executable, "-m", "kopf", "run", "--standalone", "-n", NAMESPACE, str(FOLDER / "plain_operator.py")],
}


@asynccontextmanager
async def running(site: Site, who: str) -> AsyncIterator[Process]:
    """One of them, as it is by default, ended with the context."""
    environ = os.environ | {
        "KUBECONFIG": str(site.server.kubeconfig),
        "OPERATOR_WATCH_NAMESPACES": NAMESPACE,
        "OPERATOR_NAMESPACE": NAMESPACE,
        "OPERATOR_PORT": "0",
    }
    with (site.folder / f"{who}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*COMMANDS[who], env=environ, stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> tuple[float, float]:
    """Resident memory of a process in MiB: now, and the most it ever had."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    found = {words[0]: int(words[1]) / 1024 for words in lines if words[0] in ("VmRSS:", "VmHWM:")}
    return found["VmRSS:"], found["VmHWM:"]
