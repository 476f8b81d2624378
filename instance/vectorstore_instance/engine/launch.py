"""The child: what runs in the engine's process. Started as a script by `child`, never imported.

Chroma's own server from the pinned wheel, entered without importing the chromadb package, which
would cost 70 MiB and half a second. Arguments: configuration file, folder of the wheel, parent's pid.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def main(config: str, site: str, parent: int) -> None:
    """Ties this process to its parent's life and becomes Chroma's server."""
    # A front that is killed must not leave a child holding the directory.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.setpgrp()  # Ctrl-C is for the front, which ends this in order; a session of its own would be scheduled apart
    # Short of memory, the kernel shall take the engine, which restarts in a moment, not the front.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    sys.path.insert(0, site)
    import chromadb_rust_bindings  # type: ignore[import-untyped]

    chromadb_rust_bindings.cli(["chroma", "run", config])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
