"""What kind of file it is: by its name first, by its first bytes where these know better."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["text", "html", "pdf", "docx", "csv", "tsv", "json", "jsonl"]

EXTENSIONS: dict[str, Kind] = {
    ".txt": "text",
    ".text": "text",
    ".log": "text",
    ".rst": "text",
    ".md": "text",
    ".markdown": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
"""The kinds that are read. Markdown is read as it stands: its signs are part of the text."""

CONTENT_TYPES: dict[str, Kind] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
}
"""What a server says of a file whose name says nothing."""

HEAD = 4096
"""Bytes that are looked at."""

_TAKEN = "upload .txt, .md, .html, .pdf, .docx, .csv, .tsv, .json or .jsonl"
_BOMS = (b"\xff\xfe", b"\xfe\xff")
_HTML = re.compile(rb"\s*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)


class Unreadable(Exception):
    """A file that cannot be read; the message tells its owner why and what to do."""


def by_name(name: str) -> Kind | None:
    """The kind that a file's name tells; None where it has no extension.

    Raises:
        Unreadable: it tells a kind that is not read.
    """
    extension = PurePosixPath(name).suffix.lower()
    if not re.fullmatch(r"\.[a-z0-9]{1,10}", extension):
        return None
    if extension not in EXTENSIONS:
        raise Unreadable(f"{extension} files are not read here; {_TAKEN}")
    return EXTENSIONS[extension]


def by_content(name: str, head: bytes, content_type: str = "") -> Kind:
    """The kind of a file.

    Args:
        name: as its owner calls it.
        head: its first `HEAD` bytes.
        content_type: what a server said of it, where it comes from one.

    Raises:
        Unreadable: its kind is not read, or it is not what its name says.
    """
    kind = by_name(name) or CONTENT_TYPES.get(content_type.partition(";")[0].strip().lower())
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable("this is an old or an encrypted Office file; save it as .docx without a password")
    if head.startswith(b"PK\x03\x04"):
        if kind in (None, "docx"):
            return "docx"
        raise Unreadable(f"this is a ZIP archive, not what its name says; {_TAKEN}")
    if kind in ("pdf", "docx"):
        raise Unreadable(f"this is not a {kind.upper()} file, whatever its name says; {_TAKEN}")
    if b"\0" in head and not head.startswith(_BOMS):
        raise Unreadable(f"this is not text, but something binary; {_TAKEN}")
    return kind or _guess(head)


def _guess(head: bytes) -> Kind:
    if _HTML.match(head.removeprefix(b"\xef\xbb\xbf")):
        return "html"
    if head.lstrip()[:1] in (b"{", b"["):
        return "jsonl" if re.match(rb"\s*\{[^\n]*\}\s*\n\s*\{", head) else "json"
    return "text"
