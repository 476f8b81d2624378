"""Files to text, kind by kind. Runs in the worker's process only: what it reads is nobody's friend.

Each parser yields pieces: a text, where it begins (characters from the beginning of its page, its
record or the whole text), and the page or record where the format has them. Large plain files are
read as a stream.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from vectorstore_instance.documents.kinds import Kind, Unreadable

PIECE = 50_000
"""Characters of a piece at most: what the front holds at once."""
_UNPACKED = 200 << 20
"""Bytes that a .docx may be when it is unpacked."""
_CELL = 1 << 20
_BLOCK = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HIDDEN = ["script", "style", "noscript", "template", "svg", "iframe"]
# fmt: off
_BLOCKS = [
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "option",
    "p", "pre", "section", "table", "td", "th", "title", "tr", "ul",
]
# fmt: on
_BREAK = "\u2029"


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


def text(file: BinaryIO) -> Iterator[Piece | Note]:
    """Plain text and Markdown, as they stand."""
    encoding, note = _encoding(file)
    yield from note
    reader = _reader(file, encoding)
    buffer, offset = "", 0
    while block := reader.read(PIECE):
        buffer += block
        if len(buffer) > PIECE:
            cut = _cut(buffer)
            yield Piece(buffer[:cut], offset)
            buffer, offset = buffer[cut:], offset + cut
    yield from _pieces(Piece(buffer, offset))


def html(file: BinaryIO) -> Iterator[Piece | Note]:
    """What a reader of the page sees: no scripts, no styles; a line for each block."""
    from bs4 import BeautifulSoup
    from bs4.dammit import EncodingDetector

    encoding, note = _encoding(file)
    data = file.read()
    if note:  # not UTF-8: then the page may say what it is
        declared = EncodingDetector.find_declared_encoding(data, is_html=True)
        encoding, note = (declared, []) if declared else (encoding, note)
    yield from note
    soup = BeautifulSoup(data, "html.parser", from_encoding=encoding)
    for tag in soup(_HIDDEN):
        tag.decompose()
    for string in [string for tag in soup("pre") for string in tag.strings]:
        string.replace_with(string.replace("\n", _BREAK))
    for tag in soup(_BLOCKS):
        tag.insert_before(_BREAK)
        tag.append(_BREAK)
    lines = (" ".join(line.split()) for line in soup.get_text().split(_BREAK))
    yield from _pieces(Piece("\n".join(line for line in lines if line)))


def pdf(file: BinaryIO) -> Iterator[Piece | Note]:
    """The text of each page."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("this PDF is encrypted; save it without a password")
        pages = len(reader.pages)
    except PyPdfError as problem:
        raise Unreadable(f"this PDF is damaged: {problem}") from None
    found = False
    for number in range(pages):
        try:
            content = reader.pages[number].extract_text()
        except (MemoryError, OSError):
            raise
        except Exception as problem:  # a parser fed with damage raises anything; the other pages may be sound
            yield f"page {number + 1} cannot be read: {type(problem).__name__}"
            continue
        found = found or bool(content.strip())
        yield from _pieces(Piece(content, page=number + 1))
    if not found:
        raise Unreadable(
            f"this PDF has {pages} pages and no text: they are scanned pictures; make them text first (OCR)"
        )


def docx(file: BinaryIO) -> Iterator[Piece | Note]:
    """Paragraphs and tables in their order; a line for each paragraph and each row."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as problem:
        raise Unreadable(f"this DOCX is damaged: {problem}") from None
    if "word/document.xml" not in {entry.filename for entry in entries}:
        raise Unreadable("this is a ZIP archive, but no DOCX; upload the files in it")
    if sum(entry.file_size for entry in entries) > _UNPACKED:
        raise Unreadable(f"this DOCX unpacks to more than {_UNPACKED >> 20} MiB; split it, or leave pictures out")
    from docx import Document
    from docx.table import Table

    lines = []
    for block in Document(file).iter_inner_content():
        if isinstance(block, Table):
            lines += [" | ".join(cell.text.strip() for cell in row.cells) for row in block.rows]
        else:
            lines.append(block.text)
    yield from _pieces(Piece("\n".join(line for line in lines if line.strip())))


def table(file: BinaryIO, delimiter: str | None = None) -> Iterator[Piece | Note]:
    """Each row as lines of `header: value`; the first row has the headers."""
    encoding, note = _encoding(file)
    yield from note
    sample = file.read(_BLOCK).decode(encoding, "replace")
    file.seek(0)
    csv.field_size_limit(_CELL)
    rows = csv.reader(_reader(file, encoding), delimiter=delimiter or _delimiter(sample))
    try:
        headers = next(rows, [])
        for number, cells in enumerate(rows, 1):
            named = zip(headers + [""] * (len(cells) - len(headers)), cells, strict=False)
            lines = [
                f"{name.strip() or f'column {n}'}: {cell.strip()}"
                for n, (name, cell) in enumerate(named, 1)
                if cell.strip()
            ]
            yield from _pieces(Piece("\n".join(lines), row=number))
    except csv.Error as problem:
        raise Unreadable(f"line {rows.line_num}: this is no CSV: {problem}") from None


def records(file: BinaryIO) -> Iterator[Piece | Note]:
    """JSON: the members of an array are records; anything else is one."""
    encoding, note = _encoding(file)
    yield from note
    try:
        value = json.load(_reader(file, encoding))
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"this is no JSON: {problem}") from None
    for number, record in enumerate(value if isinstance(value, list) else [value], 1):
        yield from _record(record, number)


def lines(file: BinaryIO) -> Iterator[Piece | Note]:
    """JSONL: each line is a record."""
    encoding, note = _encoding(file)
    yield from note
    for number, line in enumerate(_reader(file, encoding), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as problem:
                raise Unreadable(f"line {number}: this is no JSON: {problem}") from None
            yield from _record(record, number)


PARSERS: dict[Kind, Callable[[BinaryIO], Iterator[Piece | Note]]] = {
    "text": text,
    "html": html,
    "pdf": pdf,
    "docx": docx,
    "csv": table,
    "tsv": lambda file: table(file, "\t"),
    "json": records,
    "jsonl": lines,
}


def _record(record: Any, number: int) -> Iterator[Piece]:
    """A record's values, each with where it was; none where no string is among them."""
    found = list(_values(record, ""))
    if any(isinstance(value, str) and value.strip() for _, value in found):
        told = (f"{path}: {value}" if path else str(value) for path, value in found if value != "")
        yield from _pieces(Piece("\n".join(told), row=number))


def _values(value: Any, path: str) -> Iterator[tuple[str, str | int | float | bool]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _values(member, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for member in value:
            yield from _values(member, path)
    elif value is not None:
        yield path, value


def _pieces(piece: Piece) -> Iterator[Piece]:
    """A piece in parts that are not too long; nothing where there is only white space."""
    rest, offset = piece.text, piece.offset
    while rest:
        cut = _cut(rest) if len(rest) > PIECE else len(rest)
        if rest[:cut].strip():
            yield Piece(rest[:cut], offset, piece.page, piece.row)
        rest, offset = rest[cut:], offset + cut


def _cut(text: str) -> int:
    """Where to end a piece: after its last paragraph, else line, sentence, word."""
    for end in ("\n\n", "\n", ". ", " "):
        cut = text.rfind(end, PIECE // 2, PIECE)
        if cut >= 0:
            return cut + len(end)
    return PIECE


def _encoding(file: BinaryIO) -> tuple[str, list[Note]]:
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


def _reader(file: BinaryIO, encoding: str) -> io.TextIOWrapper:
    # Line ends stay as they are: offsets count the file's own characters.
    return io.TextIOWrapper(file, encoding, errors="replace", newline="")


def _delimiter(sample: str) -> str:
    try:
        return csv.Sniffer().sniff(sample, ",;\t|").delimiter
    except csv.Error:
        return ","
