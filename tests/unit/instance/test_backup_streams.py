"""What a backup flows through: pipes that end as they were told, and encryption that misses nothing."""

from __future__ import annotations

import io
import threading
from typing import Any

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorstore_instance.backup import seal
from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.pipe import BLOCK, Abandoned, Blocks, Pipe, Stream, flowing, stage

KEYS = seal.identities(str(pyrage.x25519.Identity.generate()))


def everything(stream: Stream, size: int = BLOCK) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


@given(blocks=st.lists(st.binary(max_size=50), max_size=20), size=st.integers(1, 70))
def test_what_goes_in_comes_out(blocks: list[bytes], size: int) -> None:
    def write(target: Pipe) -> None:
        for block in blocks:
            target.write(block)

    assert everything(stage(write), size) == b"".join(blocks)
    assert everything(flowing(Blocks(iter(blocks))), size) == b"".join(blocks)


def test_a_writer_that_fails_is_no_end() -> None:
    def write(target: Pipe) -> None:
        target.write(b"some")
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        everything(stage(write))


def test_no_more_is_under_way_than_is_wanted_and_a_reader_that_goes_ends_the_writer() -> None:
    written, ended = [0], threading.Event()

    def write(target: Pipe) -> None:
        try:
            while True:
                written[0] += target.write(bytes(BLOCK))
        except Abandoned:
            ended.set()
            raise

    pipe = stage(write)
    pipe.read(1)
    pipe.abandon()
    assert ended.wait(10)
    assert written[0] <= 10 * BLOCK


def test_whoever_gives_a_pipe_up_is_believed_even_if_its_writer_ends_well() -> None:
    pipe = Pipe()
    pipe.write(b"some")
    pipe.close(KeyError("told to end"))
    pipe.close()
    with pytest.raises(KeyError):
        pipe.read(1)


def sealed(content: bytes) -> bytes:
    return everything(stage(lambda target: seal.encrypt(io.BytesIO(content), target, KEYS)))


def unsealed(content: bytes, keys: list[Any] = KEYS) -> bytes:
    return everything(stage(lambda target: seal.decrypt(io.BytesIO(content), target, keys)))


@pytest.mark.parametrize("size", [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 3 * BLOCK])
def test_what_is_encrypted_comes_back(size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    found = sealed(content[:size])
    assert unsealed(found) == content[:size]
    assert content[:size] not in found or size < 2


LONG = bytes(range(256)) * 1024
SEALED = sealed(LONG)


@given(st.data())
def test_no_bit_can_change_and_nothing_be_cut_off(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SEALED) - 1))
    changed = SEALED[:at] + bytes([SEALED[at] ^ 1 << data.draw(st.integers(0, 7))]) + SEALED[at + 1 :]
    for wrong in (changed, SEALED[:at]):
        with pytest.raises(Failure) as failed:
            unsealed(wrong)
        assert failed.value.reason in ("Corrupt", "WrongKey")


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_nothing_can_be_cut_off_where_a_chunk_ends(chunks: int) -> None:
    body = len(SEALED) - len(LONG) - 4 * 16  # what comes before the chunks, of which each has a tag of 16 bytes
    with pytest.raises(Failure, match="cut off"):
        unsealed(SEALED[: body + chunks * ((64 << 10) + 16)])


def test_another_key_is_told_from_damage() -> None:
    other = seal.identities(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(Failure, match="none of its 1 keys") as failed:
        unsealed(SEALED, other)
    assert failed.value.reason == "WrongKey"
    assert unsealed(SEALED, [*other, *KEYS]) == LONG


def test_what_reading_raises_comes_through() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise Failure("StoreAway", "gone")

    for work in (seal.encrypt, seal.decrypt):
        with pytest.raises(Failure, match="gone"):
            everything(stage(lambda target, work=work: work(Broken(), target, KEYS)))  # type: ignore[misc]


@pytest.mark.parametrize("lines", ["", "# nothing", "AGE-SECRET-KEY-1", "age1publickey", "secret"])
def test_a_key_file_without_keys_is_refused_and_not_shown(lines: str) -> None:
    with pytest.raises(Failure, match="age-keygen") as failed:
        seal.identities(lines)
    assert "secret" not in failed.value.message.lower().replace("age-secret-key-1...", "")
