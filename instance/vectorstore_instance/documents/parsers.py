"""Files to text, kind by kind. Runs in the worker's process only: what it reads is nobody's friend.

Each parser yields pieces: a text, where it begins (characters from the beginning of its page, its
record or the whole text), and the page or record where the format has them. Large plain files are
read as a stream.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from vectorstore_instance.documents import tables
from vectorstore_instance.documents.kinds import Kind, Unreadable
from vectorstore_instance.documents.pieces import PIECE, Note, Piece, cut, encoding, pieces, reader

_UNPACKED = 200 << 20
"""Bytes that a .docx may be when it is unpacked."""
_HIDDEN = ["script", "style", "noscript", "template", "svg", "iframe"]
# fmt: off
_BLOCKS = [
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "option",
    "p", "pre", "section", "table", "td", "th", "title", "tr", "ul",
]
# fmt: on
_BREAK = "\u2029"


def text(file: BinaryIO) -> Iterator[Piece | Note]:
    """Plain text and Markdown, as they stand."""
    code, note = encoding(file)
    yield from note
    stream = reader(file, code)
    buffer, offset = "", 0
    while block := stream.read(PIECE):
        buffer += block
        if len(buffer) > PIECE:
            end = cut(buffer)
            yield Piece(buffer[:end], offset)
            buffer, offset = buffer[end:], offset + end
    yield from pieces(Piece(buffer, offset))


def html(file: BinaryIO) -> Iterator[Piece | Note]:
    """What a reader of the page sees: no scripts, no styles; a line for each block."""
    from bs4 import BeautifulSoup
    from bs4.dammit import EncodingDetector

    code, note = encoding(file)
    data = file.read()
    if note:  # not UTF-8: then the page may say what it is
        declared = EncodingDetector.find_declared_encoding(data, is_html=True)
        code, note = (declared, []) if declared else (code, note)
    yield from note
    soup = BeautifulSoup(data, "html.parser", from_encoding=code)
    for tag in soup(_HIDDEN):
        tag.decompose()
    for string in [string for tag in soup("pre") for string in tag.strings]:
        string.replace_with(string.replace("\n", _BREAK))
    for tag in soup(_BLOCKS):
        tag.insert_before(_BREAK)
        tag.append(_BREAK)
    lines = (" ".join(line.split()) for line in soup.get_text().split(_BREAK))
    yield from pieces(Piece("\n".join(line for line in lines if line)))


def pdf(file: BinaryIO) -> Iterator[Piece | Note]:
    """The text of each page."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        document = PdfReader(file)
        if document.is_encrypted and not document.decrypt(""):
            raise Unreadable("this PDF is encrypted; save it without a password")
        count = len(document.pages)
    except PyPdfError as problem:
        raise Unreadable(f"this PDF is damaged: {problem}") from None
    if not count:
        raise Unreadable("this PDF has no pages; save it anew")
    found = False
    for number in range(count):
        try:
            content = document.pages[number].extract_text()
        except (MemoryError, OSError):
            raise
        except Exception as problem:  # a parser fed with damage raises anything; the other pages may be sound
            yield f"page {number + 1} cannot be read: {type(problem).__name__}"
            continue
        found = found or bool(content.strip())
        yield from pieces(Piece(content, page=number + 1))
    if not found:
        raise Unreadable(
            f"this PDF has {count} pages and no text: they are scanned pictures; make them text first (OCR)"
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
    from vectorstore_instance.documents import word

    yield from pieces(Piece("\n".join(line for line in word.lines(file) if line.strip())))


PARSERS: dict[Kind, Callable[[BinaryIO], Iterator[Piece | Note]]] = {
    "text": text,
    "html": html,
    "pdf": pdf,
    "docx": docx,
    "csv": tables.table,
    "tsv": lambda file: tables.table(file, "\t"),
    "json": tables.records,
    "jsonl": tables.lines,
}
