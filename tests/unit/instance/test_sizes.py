"""Sizes of folders whose contents go while they are looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from vectorstore_instance.engine import sizes


def _filled(folder: Path) -> int:
    folder.mkdir()
    (folder / "file").write_bytes(b"x" * 10_000)
    return (folder / "file").stat().st_blocks * 512


def test_each_folder_counts_what_it_holds_itself(tmp_path: Path) -> None:
    outer = _filled(tmp_path / "outer")
    inner = _filled(tmp_path / "outer" / "inner")
    assert sizes.by_folder(tmp_path / "outer") == {tmp_path / "outer": outer, tmp_path / "outer" / "inner": inner}
    assert sizes.folder_bytes(tmp_path / "outer") == outer + inner


def test_no_folder_has_no_bytes(tmp_path: Path) -> None:
    assert sizes.folder_bytes(tmp_path / "none") == 0


def test_a_folder_that_is_removed_meanwhile_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _filled(tmp_path / "going")
    scandir = os.scandir

    def removing(path: Path) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if Path(path).name == "going":
            (tmp_path / "going" / "file").unlink()
            (tmp_path / "going").rmdir()
        return scandir(path)  # type: ignore[return-value]

    monkeypatch.setattr(os, "scandir", removing)
    assert sizes.folder_bytes(tmp_path) == 0
