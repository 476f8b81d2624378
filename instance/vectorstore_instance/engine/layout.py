"""In which format the files of a folder are: an instance opens none that a later version wrote in a way it knows not.

Whoever changes what files mean raises `FORMAT`, and keeps reading the earlier ones.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from vectorstore_instance.engine import changes
from vectorstore_instance.engine.disk import DiskError

FORMAT = 1
FILE = "format.json"
REMEDY = "run the version that wrote it (in a cluster: spec.version)"


class _Stamp(msgspec.Struct, frozen=True):
    format: int


def check(folder: Path, tables: Path) -> None:
    """Looks at the stamp of a folder, and at its tables: the engine, which starts at the first request, would not.

    Raises:
        DiskError: its files are of a later format or another engine, or the stamp cannot be read; says what to do.
    """
    path = folder / FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Stamp).format
    except FileNotFoundError:
        return
    except (OSError, msgspec.MsgspecError) as problem:
        raise DiskError(f"DATA_DIR: {path}: {problem}; put a good copy in its place") from None
    if found > FORMAT:
        raise DiskError(
            f"DATA_DIR: {folder} holds data of format {found}, which a later version has written, and this one reads "
            f"formats up to {FORMAT}: a downgrade; {REMEDY}"
        )
    if tables.exists():
        try:
            changes.check(tables)
        except changes.UnknownSchema as problem:
            raise DiskError(f"DATA_DIR: {folder}: {problem}; {REMEDY}") from None
