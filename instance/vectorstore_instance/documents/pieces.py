"""What parsers have in common: pieces of text, and the encoding of those files that are text."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

PIECE = 50_000
"""Characters of a piece at most: what the front holds at once."""
_BLOCK = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Piece:
    """Some text of a file."""

    text: str
    offset: int = 0
    """Characters before it on its page, in its record, or in the whole text."""
    page: int | None = None
    """From 1."""
    row: int | None = None
    """From 1: a CSV file's row below its headers, a record of JSON."""


Note = str
"""Something the file's owner should know."""


def pieces(piece: Piece) -> Iterator[Piece]:
    """A piece in parts that are not too long; nothing where there is only white space."""
    rest, offset = piece.text, piece.offset
    while rest:
        end = cut(rest) if len(rest) > PIECE else len(rest)
        if rest[:end].strip():
            yield Piece(rest[:end], offset, piece.page, piece.row)
        rest, offset = rest[end:], offset + end


def cut(text: str) -> int:
    """Where to end a piece: after its last paragraph, else line, sentence, word."""
    for mark in ("\n\n", "\n", ". ", " "):
        found = text.rfind(mark, PIECE // 2, PIECE)
        if found >= 0:
            return found + len(mark)
    return PIECE


def encoding(file: BinaryIO) -> tuple[str, list[Note]]:
    """A file's encoding: by its mark, else UTF-8 where it is, else Western European, which is said."""
    head = file.read(4)
    file.seek(0)
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, []
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252", [
            "not UTF-8: read as Western European text (Windows-1252, Latin-1); save it as UTF-8 if signs are wrong"
        ]
    finally:
        file.seek(0)
    return "utf-8", []


def reader(file: BinaryIO, code: str) -> io.TextIOWrapper:
    """The file's text as a stream. Line ends stay as they are: offsets count the file's own characters."""
    return io.TextIOWrapper(file, code, errors="replace", newline="")
