"""A kill at any step of a restore's last part: the store is there as a whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from vectorstore_instance.engine import staging

ENTRIES = {"chroma.sqlite3": b"1", "chroma.sqlite3-wal": b"2", "clean": b"3", "segment/data": b"4"}
RECORD = b'{"archive": "x"}'


class Killed(BaseException):
    """As by SIGKILL: nothing is cleaned up."""


def received(folder: Path) -> Path:
    folder.mkdir()
    data = staging.begin(folder)
    for name, content in ENTRIES.items():
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_bytes(content)
    return data


def there(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def killed_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever renames or replaces fails from that step on."""
    left = iter(range(steps))

    for name in ("rename", "replace"):
        real = getattr(os, name)

        def counted(*args: object, real: object = real) -> None:
            if next(left, None) is None:
                raise Killed
            real(*args)  # type: ignore[operator]

        monkeypatch.setattr(os, name, counted)


@pytest.mark.parametrize("old", [{}, {"chroma.sqlite3": b"old", "clean": b"older", "lock": b""}])
def test_a_kill_at_any_step_leaves_the_one_or_the_other(tmp_path: Path, old: dict[str, bytes]) -> None:
    outcomes = []
    for steps in range(12):
        folder = tmp_path / str(steps)
        received(folder)
        for name, content in old.items():
            (folder / name).write_bytes(content)
        with pytest.MonkeyPatch.context() as patch:
            killed_after(steps, patch)
            try:
                staging.prove(folder, RECORD)
                staging.settle(folder)
            except Killed:
                pass
            else:
                outcomes.append("done")
        staging.settle(folder)
        found = there(folder)
        assert found in (old, ENTRIES | {staging.RECORD: RECORD} | {n: c for n, c in old.items() if n == "lock"}), steps
        outcomes.append("old" if found == old else "new")
    assert outcomes[:2] == ["old", "new"]  # from when it is said to be proven
    assert "done" in outcomes


def test_a_kill_in_the_middle_of_settling_is_settled_by_the_next_start(tmp_path: Path) -> None:
    received(tmp_path / "store")
    (tmp_path / "store" / "restore" / "proven.json").write_bytes(RECORD)
    for steps in range(6):
        folder = tmp_path / str(steps)
        shutil.copytree(tmp_path / "store", folder)
        with pytest.MonkeyPatch.context() as patch:
            killed_after(steps, patch)
            with contextlib.suppress(Killed):
                staging.settle(folder)
        staging.settle(folder)
        assert there(folder) == ENTRIES | {staging.RECORD: RECORD}


def test_what_was_not_proven_is_forgotten_with_what_a_snapshot_left(tmp_path: Path) -> None:
    received(tmp_path / "store")
    (tmp_path / "store" / "snapshot").mkdir()
    staging.settle(tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []
