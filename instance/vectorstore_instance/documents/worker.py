"""The process that reads other people's files: started isolated by `parse`, the file on stdin.

It puts itself under hard limits before it touches a byte, for a parser can be made to eat anything: a
kernel that runs out of memory would take the engine with it. Pieces go to stdout, a line of JSON
each; the limit on the size of files is the limit on what they come to. Exit code 0: all is read. 3: it
cannot be, and the last line of stderr says why. Anything else: it was ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import resource
import signal
import sys
from errno import EFBIG
from pathlib import Path
from typing import BinaryIO, cast

from vectorstore_instance.documents.kinds import Kind, Unreadable

REFUSED = 3
"""The exit code that comes with a reason."""
_PR_SET_PDEATHSIG = 1


def confine(memory: int, seconds: int, output: int, parent: int) -> None:
    """Gives this process its limits, for good.

    Args:
        memory: bytes of address space.
        seconds: of CPU.
        output: bytes of any file it writes.
        parent: the process whose end is its own.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    # Where memory ends nevertheless, the kernel shall take this process and no other.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    os.nice(10)  # searches come first
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def read(kind: Kind, file: BinaryIO, out: BinaryIO) -> None:
    """Reads a file of a kind and writes its pieces.

    Raises:
        Unreadable: it cannot be read; says why.
    """
    from vectorstore_instance.documents.parsers import PARSERS

    for found in PARSERS[kind](file):
        line = {"note": found} if isinstance(found, str) else {**vars(found), "text": _sound(found.text)}
        out.write(json.dumps(line).encode() + b"\n")
    out.flush()


def _sound(text: str) -> str:
    """The text without what is no text: NUL, and halves of signs."""
    return text.replace("\0", " ").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def main(kind: Kind, memory: int, seconds: int, output: int, parent: int) -> None:
    """Reads stdin; ends the process."""
    confine(memory, seconds, output, parent)
    logging.disable()  # parsers complain at length
    try:
        read(kind, cast(BinaryIO, sys.stdin.buffer), cast(BinaryIO, sys.stdout.buffer))
        code = 0
    except Unreadable as problem:
        code = _say(str(problem))
    except MemoryError:
        code = _say(f"it takes more than {memory >> 20} MiB of memory to read it; split it into smaller files")
    except OSError as problem:
        too_much = problem.errno == EFBIG
        code = _say("it holds more text than one file may; split it" if too_much else f"it cannot be read: {problem}")
    except Exception as problem:  # parsers fed with damage raise anything
        code = _say(f"it is damaged, or not what its name says ({type(problem).__name__}: {problem})")
    os._exit(code)  # no clean-up: there may be no memory for it


def _say(reason: str) -> int:
    os.write(2, b"\n" + " ".join(reason.split())[:500].encode("utf-8", "replace"))
    return REFUSED


if __name__ == "__main__":
    main(cast(Kind, sys.argv[1]), *map(int, sys.argv[2:]))
