"""When the store turns read-only and back: a disk and a memory of the test's own, real files."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine.cgroup import Memory, memory
from vectorstore_instance.engine.pressure import SLACK, Disk, Pressure
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.settings import Limits

GIB = 1 << 30


class Machine:
    """What a store runs on, as the test would have it."""

    def __init__(self, folder: Path) -> None:
        self.free = 10 * GIB
        self.memory: Memory | None = None
        self.limits = Limits()
        self.pressure = Pressure(
            folder,
            lambda: self.limits,
            disk=lambda _: Disk(self.free, 10 * GIB),
            memory=lambda: self.memory,
        )

    def refusal(self, size: int = 100) -> ApiError:
        with pytest.raises(ApiError) as refused:
            self.pressure.admit(size)
        return refused.value


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def test_with_room_enough_everything_is_written(machine: Machine) -> None:
    await machine.pressure.look()
    machine.pressure.admit(1 << 20)
    assert machine.pressure.reason == ""


async def test_a_disk_below_its_reserve_turns_the_store_read_only_at_the_next_write(machine: Machine) -> None:
    machine.free = SLACK - 1
    told = machine.refusal()
    assert (told.status, told.error) == (507, "InternalError")
    assert told.message == machine.pressure.reason
    assert f"disk: {SLACK - 1} of {10 * GIB} bytes are free, and {SLACK} are kept" in told.message
    assert "delete collections or have its volume enlarged" in told.message


async def test_a_disk_that_has_room_again_is_written_again_with_some_distance(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    machine.free = 0
    for _ in range(3):
        machine.refusal()
        await machine.pressure.look()
    machine.free = SLACK + SLACK // 8
    machine.refusal()
    machine.free = SLACK + SLACK // 2
    machine.pressure.admit(100)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the store is read-only",
        "the store may be written again; it was read-only",
    ]


async def test_a_write_that_is_larger_than_the_room_is_refused_alone(machine: Machine) -> None:
    machine.free = SLACK + (40 << 20)
    told = machine.refusal(11 << 20)
    assert told.status == 507
    assert "send less at once" in told.message
    assert machine.pressure.reason == ""
    machine.pressure.admit(9 << 20)


async def test_the_reserve_grows_with_the_largest_index_up_to_a_tenth_of_the_disk(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "segment").mkdir()
    (tmp_path / "segment" / "data_level0.bin").write_bytes(b"x" * (2 << 20))
    await machine.pressure.look()
    machine.free = SLACK + (1 << 20)
    assert machine.refusal().status == 507
    small = Pressure(tmp_path, Limits, disk=lambda _: Disk(8 << 20, 64 << 20), memory=lambda: None)
    small.admit(100)


async def test_memory_turns_the_store_read_only_at_85_percent_and_back_below_80(machine: Machine) -> None:
    for used, read_only in ((84, False), (85, True), (81, True), (79, False), (84, False), (99, True)):
        machine.memory = Memory(used, 100)
        await machine.pressure.look()
        assert bool(machine.pressure.reason) is read_only, used
    told = machine.refusal()
    assert told.status == 507
    assert "memory: 99 of 100 bytes are used, and above 85%" in told.message
    machine.memory = None
    await machine.pressure.look()
    machine.pressure.admit(100)


async def test_files_as_large_as_allowed_take_no_more(machine: Machine, tmp_path: Path) -> None:
    machine.limits = Limits(max_bytes=2 << 20)
    (tmp_path / "chroma.sqlite3").write_bytes(b"x" * (1 << 20))
    await machine.pressure.look()
    machine.pressure.admit(1 << 19)
    machine.pressure.admit(1 << 19)  # not measured yet, and counted
    (tmp_path / "chroma.sqlite3").write_bytes(b"x" * (2 << 20))
    await machine.pressure.look()
    machine.pressure.admit(100)
    told = machine.refusal()
    assert (told.status, told.error) == (429, "QuotaError")
    assert f"bytes: the store's files have {2 << 20} of {2 << 20}" in told.message
    assert machine.pressure.reason == ""
    machine.limits = Limits()
    machine.pressure.admit(100)


@pytest.mark.parametrize(
    "said", ["(code: 13) database or disk is full", "Error persisting: No space left on device (os error 28)"]
)
def test_what_the_engine_says_of_a_full_disk_is_told_as_such(machine: Machine, said: str) -> None:
    with pytest.raises(ApiError) as refused:
        machine.pressure.told(Reply(500, said.encode()))
    assert refused.value.status == 507
    assert "then send it again" in refused.value.message
    for other in (Reply(200, said.encode()), Reply(500, b"something else")):
        assert machine.pressure.told(other) is other


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


V2 = {"memory__current": "900", "memory__max": "1000", "memory__stat": "anon 1\ninactive_file 100\nactive_file 50"}


def test_memory_of_a_group_of_version_2_without_its_file_cache(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/\n")
    write(tmp_path / "root", **V2)
    assert memory(tmp_path / "root", tmp_path / "own") == Memory(750, 1000)


def test_the_fullest_of_nested_groups_counts(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/pods/one\n")
    write(tmp_path / "root" / "pods" / "one", **(V2 | {"memory__max": "max"}))
    write(tmp_path / "root" / "pods", **V2)
    assert memory(tmp_path / "root", tmp_path / "own") == Memory(750, 1000)


def test_memory_of_a_group_of_version_1_whose_path_is_the_hosts(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("4:cpu,memory:/docker/abc\n1:cpu:/\n")
    write(
        tmp_path / "root" / "memory",
        memory__usage_in_bytes="500",
        memory__limit_in_bytes="1000",
        memory__stat="cache 9\ntotal_inactive_file 100\ntotal_active_file 100",
    )
    assert memory(tmp_path / "root", tmp_path / "own") == Memory(300, 1000)


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "0", "nonsense"])
def test_without_a_limit_there_is_no_pressure(tmp_path: Path, limit: str) -> None:
    (tmp_path / "own").write_text("0::/\n")
    write(tmp_path / "root", **(V2 | {"memory__max": limit}))
    assert memory(tmp_path / "root", tmp_path / "own") is None
    assert memory(tmp_path / "root", tmp_path / "missing") is None


def test_the_memory_of_this_process_can_be_asked_for() -> None:
    found = memory()
    assert found is None or 0 < found.share < 10
