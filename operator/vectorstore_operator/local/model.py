"""The embedding model, converted once for all stores of this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from vectorstore_operator.local import Problem


def convert(folder: Path, say: Callable[[str], None]) -> None:
    """Makes a folder hold the converted embedding model, where it does not.

    Raises:
        Problem: it cannot be had; says why.
    """
    if (folder / "converted.json").exists():
        return
    say("preparing the embedding model, once for all stores ...")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "vectorstore_instance.embed.convert", str(folder)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"the conversion ended with {done.returncode}"]
        raise Problem(f"the embedding model: {reason[0]}")
