"""Files and their manifest into a stream of bytes."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from vectorstore_instance.archive.manifest import COMPLETE, MANIFEST, Manifest
from vectorstore_instance.archive.zstd import CompressionParameter, ZstdCompressor

BLOCK = 1 << 20
"""Bytes read at once, and about what an archive is given out in."""
LEVEL = 1
"""Vectors hardly get smaller, texts do at any level; this is the fastest."""
_END = b"\0" * 2 * tarfile.BLOCKSIZE


def pack(manifest: Manifest, folder: Path) -> Iterator[bytes]:
    """The archive of the files in a folder that nobody changes, in parts to be sent as they come.

    Args:
        manifest: what to put in, in this order, and its checksums.
        folder: where the files are.

    Raises:
        OSError: one of them is not as the manifest says.
    """
    packer = ZstdCompressor(
        options={CompressionParameter.compression_level: LEVEL, CompressionParameter.checksum_flag: 1}
    )
    gathered = bytearray()
    for part in _tar(manifest, folder):
        gathered += packer.compress(part)
        if len(gathered) >= BLOCK:
            yield bytes(gathered)
            gathered.clear()
    gathered += packer.flush()
    yield bytes(gathered)


def _tar(manifest: Manifest, folder: Path) -> Iterator[bytes]:
    told = manifest.model_dump_json().encode()
    age = int(manifest.taken.timestamp())
    yield _header(MANIFEST, len(told), age)
    yield _filled(told)
    for file in manifest.files:
        yield _header(file.name, file.size, age)
        yield from _content(folder / file.name, file.size)
    end = json.dumps({"manifest": hashlib.sha256(told).hexdigest()}).encode()
    yield _header(COMPLETE, len(end), age)
    yield _filled(end)
    yield _END


def _header(name: str, size: int, age: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, age, 0o600
    return member.tobuf(tarfile.GNU_FORMAT)  # of the common forms the one for files of 8 GiB and more


def _content(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb") as file:
        while left and (block := file.read(min(BLOCK, left))):
            left -= len(block)
            yield block
        if left or file.read(1):
            raise OSError(f"{path.name} has not the {size} bytes that the manifest says")
    yield b"\0" * (-size % tarfile.BLOCKSIZE)


def _filled(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % tarfile.BLOCKSIZE)
