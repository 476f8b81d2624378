"""`python -m vectorstore_operator.crd DIR` writes the definitions into a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from vectorstore_operator.crd import files


def main(folder: Path) -> None:
    """Writes the files."""
    for name, text in files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
