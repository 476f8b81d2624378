"""A Word document to lines: each paragraph and each row of a table where it stands, whatever it is wrapped in.

Forms wrap their text in content controls, reviewers in tracked changes, layouts in text boxes and in tables within
tables (ECMA-376, part 1, 17). python-docx shows what is not wrapped alone, so its elements are walked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from docx import Document
from docx.oxml.ns import qn

Element = Any
"""Of lxml, which has no types."""

_PARAGRAPH, _RUN, _ROW, _CELL, _BOX = (qn(f"w:{name}") for name in ("p", "r", "tr", "tc", "txbxContent"))
_GONE = frozenset({qn("w:del"), qn("w:moveFrom")})
"""What a tracked change took away."""
_AGAIN = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
"""What programs that cannot show a text box show instead: the same text."""


def lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a .docx file, in their order."""
    return _lines(Document(file).element.body)


def _lines(element: Element) -> Iterator[str]:
    for child in _kept(element):
        if child.tag == _PARAGRAPH:
            yield "".join(run.text for run in _nearest(child, _RUN))
            for box in _nearest(child, _BOX):
                yield from _lines(box)
        elif child.tag == _ROW:
            yield " | ".join(" ".join(filter(str.strip, _lines(cell))) for cell in _nearest(child, _CELL))
        else:
            yield from _lines(child)


def _nearest(element: Element, tag: str) -> Iterator[Element]:
    """What has a tag, but for that within another of it."""
    for child in _kept(element):
        if child.tag == tag:
            yield child
        else:
            yield from _nearest(child, tag)


def _kept(element: Element) -> Iterator[Element]:
    return (child for child in element if child.tag not in _GONE and child.tag != _AGAIN)
