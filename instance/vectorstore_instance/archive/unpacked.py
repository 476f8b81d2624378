"""A zstd frame from a stream, read in exactly as many bytes as are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from vectorstore_instance.archive.zstd import DecompressionParameter, ZstdDecompressor, ZstdError

BLOCK = 1 << 20
"""Bytes given out at once at most."""
_WINDOW_LOG = 27
"""Memory that a frame may ask for: 128 MiB, what zstd itself allows by default."""


class ArchiveError(Exception):
    """It cannot be relied on; the message says why and what to do."""


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Unpacked:
    """What a stream unpacks to."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._frame = ZstdDecompressor(options={DecompressionParameter.window_log_max: _WINDOW_LOG})
        self._seen = 0
        """Bytes of the stream so far."""

    def blocks(self, size: int) -> Iterator[bytes]:
        """The next so many bytes, bit by bit.

        Raises:
            ArchiveError: there are fewer, or they are damaged.
        """
        while size:
            block = self._more(min(size, BLOCK))
            if not block:
                raise self._cut_off()
            size -= len(block)
            yield block

    def end(self, least: int, most: int) -> None:
        """Reads the zeros that are left, and proves that nothing else is.

        Raises:
            ArchiveError: something is, or the frame's checksum is not that of its bytes.
        """
        zeros = 0
        while zeros <= most and (block := self._more(BLOCK)):
            if any(block):
                raise ArchiveError("something follows the last member; the archive was altered")
            zeros += len(block)
        if not least <= zeros <= most:
            raise ArchiveError("the archive does not end as a tar does; it was altered")
        if self._frame.unused_data or self._stream.read(1):
            raise ArchiveError("something follows the archive; send the archive alone")

    def _more(self, most: int) -> bytes:
        """At least one and at most so many bytes; none at the end of the frame."""
        while not self._frame.eof:
            packed = b""
            if self._frame.needs_input:
                packed = self._stream.read(BLOCK)
                self._seen += len(packed)
                if not packed:
                    raise self._cut_off()
            try:
                block = self._frame.decompress(packed, most)
            except ZstdError as problem:
                raise ArchiveError(
                    f"the stream is no zstd archive, or is damaged within its first {self._seen} bytes ({problem}); "
                    "take another archive"
                ) from None
            if block:
                return block
        return b""

    def _cut_off(self) -> ArchiveError:
        return ArchiveError(
            f"the archive ends in its middle, after {self._seen} bytes; send all of it, or take another"
        )
