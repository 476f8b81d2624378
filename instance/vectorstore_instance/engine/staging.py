"""How a restored store comes into its place: by renaming, and wholly or not at all, whenever a kill comes.

```
DATA_DIR/restore/
  data/          what is received and proven; becomes the store's folder, entry by entry
  proven.json    there once all of data/ is proven and synced: from then on there is no way but forward
  before/        what was in the folder until then
  cleared        there once all of that is in before/
```

A start that finds a `proven.json` goes on moving where the last one stopped; one that finds none removes
what is there. The last step makes `restored.json` of it, which says where the store's data came from, and
removes what was there before.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from vectorstore_instance.engine.manifest import sync, write_synced
from vectorstore_instance.engine.sizes import RESTORE, SNAPSHOT

RECORD = "restored.json"
_DATA, _PROVEN, _BEFORE, _CLEARED = "data", "proven.json", "before", "cleared"
WISHES = "wishes.json"
"""What the tenant asked for, such as the restore itself."""
_STAY = {"lock", "lost+found", RESTORE, SNAPSHOT, WISHES}
"""What is no part of any store."""


def begin(folder: Path) -> Path:
    """The empty folder into which an archive is received.

    Args:
        folder: the store's.
    """
    forget(folder)
    data = folder / RESTORE / _DATA
    data.mkdir(parents=True)
    return data


def forget(folder: Path) -> None:
    """Leaves nothing of what was received."""
    shutil.rmtree(folder / RESTORE, ignore_errors=True)


def prove(folder: Path, record: bytes) -> None:
    """Says that what was received shall be the store: the next `settle` puts it in place.

    Args:
        folder: the store's.
        record: JSON that says where the data came from.
    """
    here = folder / RESTORE
    for path in here.rglob("*"):
        if path.is_dir():
            sync(path)
    sync(here)
    sync(folder)
    write_synced(here / _PROVEN, record)


def settle(folder: Path) -> None:
    """Ends what a kill broke off: a restore goes forward or is forgotten, a snapshot is removed."""
    shutil.rmtree(folder / SNAPSHOT, ignore_errors=True)
    if (folder / RESTORE / _PROVEN).exists():
        _forward(folder)
    forget(folder)


def _forward(folder: Path) -> None:
    here = folder / RESTORE
    if not (here / _CLEARED).exists():
        (here / _BEFORE).mkdir(exist_ok=True)
        for path in sorted(folder.iterdir()):
            if path.name not in _STAY:
                path.rename(here / _BEFORE / path.name)
        sync(folder)
        write_synced(here / _CLEARED, b"")
    for path in sorted((here / _DATA).iterdir()):
        path.rename(folder / path.name)
    sync(folder)  # what moved is on the disk before it is said that all has
    (here / _PROVEN).rename(folder / RECORD)
    sync(folder)
    forget(folder)
