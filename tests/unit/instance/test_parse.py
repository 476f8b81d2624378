"""Files of every kind become text in a process of their own, and bad ones become an error of theirs alone."""

from __future__ import annotations

import asyncio
import io
import os
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter

from vectorstore_instance.documents import parse
from vectorstore_instance.documents.kinds import Unreadable, by_content, by_name
from vectorstore_instance.documents.pieces import PIECE, Piece, pieces

WORD_SPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}


def pdf(*pages: str) -> bytes:
    made = FPDF()
    made.set_font("helvetica", size=12)
    for page in pages:
        made.add_page()
        if page:
            made.multi_cell(0, text=page)
    return bytes(made.output())


def word(*paragraphs: str, table: list[list[str]] | None = None) -> bytes:
    made = docx.Document()
    for paragraph in paragraphs:
        made.add_paragraph(paragraph)
    if table:
        rows = made.add_table(len(table), len(table[0])).rows
        for row, cells in zip(rows, table, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


class Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, name: str, content: bytes, content_type: str = "") -> list[parse.Line]:
        upload, out = self._folder / "upload", self._folder / "pieces"
        upload.write_bytes(content)
        await parse.parse(upload, out, name, content_type)
        return list(parse.read(out))

    async def refused(self, name: str, content: bytes) -> str:
        with pytest.raises(Unreadable) as refusal:
            await self(name, content)
        return str(refusal.value)


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


async def test_plain_text_keeps_every_character_and_its_place(read: Reader) -> None:
    text = "".join(f"Line {n} has ümläuts and 漢字. Another sentence.\r\n" for n in range(5000))
    lines = await read("notes.md", text.encode())
    assert "".join(line.text for line in lines) == text
    assert [text[line.offset : line.offset + 9] for line in lines] == [line.text[:9] for line in lines]
    assert len(lines) > 1
    assert max(len(line.text) for line in lines) <= PIECE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
async def test_marked_encodings_are_read(read: Reader, encoding: str) -> None:
    (line,) = await read("a.txt", "Grüße aus Köln".encode(encoding))
    assert line.text == "Grüße aus Köln"


async def test_what_is_not_utf8_is_read_as_western_european_and_that_is_said(read: Reader) -> None:
    note, line = await read("a.txt", "Grüße – “Köln”".encode("cp1252"))
    assert "not UTF-8" in note.note
    assert line.text == "Grüße – “Köln”"


async def test_html_gives_what_a_reader_sees(read: Reader) -> None:
    page = (
        "<html><head><title>Leave</title><style>p {color: red}</style><script>alert('x')</script></head><body>"
        "<h1>Days   off</h1><p>You have <b>30</b> days\nof leave.</p><ul><li>One</li><li>Two</li></ul>"
        "<pre>a = 1\nb = 2</pre><noscript>no</noscript></body></html>"
    )
    (line,) = await read("page.html", page.encode())
    assert line.text == "Leave\nDays off\nYou have 30 days of leave.\nOne\nTwo\na = 1\nb = 2"


async def test_html_in_its_declared_encoding(read: Reader) -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body><p>Łódź</p></body></html>'
    (line,) = await read("page.htm", page.encode("iso-8859-2"))
    assert line.text == "Łódź"


async def test_pdf_gives_pages(read: Reader) -> None:
    lines = await read("book.pdf", pdf("The first page is about bees.", "", "The third page is about honey."))
    assert [(line.page, line.offset) for line in lines] == [(1, 0), (3, 0)]
    assert [line.text.strip() for line in lines] == ["The first page is about bees.", "The third page is about honey."]


async def test_an_encrypted_pdf_is_refused_and_one_without_a_password_read(read: Reader) -> None:
    for password, opens in (("secret", False), ("", True)):
        writer = PdfWriter(PdfReader(io.BytesIO(pdf("Confidential bees."))))
        writer.encrypt(password, "owner", algorithm="AES-256")
        out = io.BytesIO()
        writer.write(out)
        if opens:
            assert "Confidential" in (await read("a.pdf", out.getvalue()))[0].text
        else:
            assert "encrypted; save it without a password" in await read.refused("a.pdf", out.getvalue())


async def test_a_scanned_pdf_is_told(read: Reader) -> None:
    assert "2 pages and no text" in await read.refused("scan.pdf", pdf("", ""))
    empty = io.BytesIO()
    PdfWriter().write(empty)
    assert "this PDF has no pages" in await read.refused("empty.pdf", empty.getvalue())


async def test_docx_gives_paragraphs_and_tables(read: Reader) -> None:
    content = word("Bees make honey.", "", "They live in hives.", table=[["name", "legs"], ["bee", "6"]])
    (line,) = await read("bees.docx", content)
    assert line.text == "Bees make honey.\nThey live in hives.\nname | legs\nbee | 6"


async def test_docx_gives_what_is_wrapped_too(read: Reader) -> None:
    made = docx.Document()
    body = made.element.body

    def add(xml: str) -> None:
        spaces = "".join(f' xmlns:{name}="{space}"' for name, space in WORD_SPACES.items())
        body.insert(-1, parse_xml(xml.replace(">", f"{spaces}>", 1)))

    run = "<w:r><w:t>{}</w:t></w:r>".format
    paragraph = f"<w:p>{run('{}')}</w:p>".format
    box = f"<w:txbxContent>{paragraph('In a box.')}</w:txbxContent>"
    add(f"<w:sdt><w:sdtContent>{paragraph('In a content control.')}</w:sdtContent></w:sdt>")
    add(f"<w:p><w:ins>{run('Inserted')}</w:ins><w:del><w:r><w:delText>Deleted</w:delText></w:r></w:del></w:p>")
    add(f"<w:p><w:moveFrom>{run('Moved away')}</w:moveFrom><w:smartTag>{run('Tagged')}</w:smartTag></w:p>")
    choices = f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    add(f"<w:p>{run('Beside it.')}<w:r><mc:AlternateContent>{choices}</mc:AlternateContent></w:r></w:p>")
    cells = made.add_table(2, 2).rows[0].cells
    cells[0].merge(cells[1]).text = "Merged"
    inner = made.tables[0].rows[1].cells[1]
    inner.text = "Outer"
    inner.add_table(1, 2).rows[0].cells[1].text = "Inner"
    out = io.BytesIO()
    made.save(out)
    (line,) = await read("wrapped.docx", out.getvalue())
    assert line.text.splitlines() == [
        "In a content control.",
        "Inserted",
        "Tagged",
        "Beside it.",
        "In a box.",
        "Merged",
        " | Outer  | Inner",
    ]


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")])
async def test_tables_give_rows_with_their_headers(read: Reader, name: str, mark: str) -> None:
    rows = [["name", "city"], ["Ada", '"London\nUK"'], ["Bob", ""], ["Eve", "Rome", "spare"]]
    lines = await read(name, "\n".join(mark.join(row) for row in rows).encode())
    assert [(line.row, line.text) for line in lines] == [
        (1, "name: Ada\ncity: London\nUK"),
        (2, "name: Bob"),
        (3, "name: Eve\ncity: Rome\ncolumn 3: spare"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("id,comment\n1,one; two\n2,three; four\n", "id: 1\ncomment: one; two"),
        ("a;b\n1,5;2,5\n3,5;4,5\n", "a: 1,5\nb: 2,5"),
        ('a;b\n"1,2,3";"4,5,6"\n', "a: 1,2,3\nb: 4,5,6"),
        ("a|b\n1, 2|3, 4\n", "a: 1, 2\nb: 3, 4"),
        ("sep=;\r\na;b\r\n1,5;2\r\n", "a: 1,5\nb: 2"),
        ('text\n"Yes; no, maybe"\n', "text: Yes; no, maybe"),
    ],
)
async def test_what_divides_cells_is_told_by_the_rows(read: Reader, content: str, told: str) -> None:
    assert (await read("a.csv", content.encode()))[0].text == told


async def test_a_table_full_of_quotation_marks_is_read(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "CPU_SECONDS", 2)
    row = "1,\"{'k': 'v', 'l': 'w'}\"\n"
    assert len(await read("a.csv", ("id,values\n" + row * 3000).encode())) == 3000


async def test_json_gives_records_with_strings(read: Reader) -> None:
    content = (
        b'[{"title": "Bees", "facts": {"legs": 6, "eats": ["nectar", "pollen"]}}, {"n": 1}, "plain \\ud83d text", null]'
    )
    lines = await read("a.json", content)
    assert [(line.row, line.text) for line in lines] == [
        (1, "title: Bees\nfacts.legs: 6\nfacts.eats: nectar\nfacts.eats: pollen"),
        (3, "plain \ufffd text"),
    ]
    assert [line.row for line in await read("a.jsonl", b'{"a": "x"}\n\n{"a": "y"}\n')] == [1, 3]
    assert "line 2: this is no JSON" in await read.refused("a.jsonl", b'{"a": "x"}\n{"a": \n')
    assert "this is no JSON" in await read.refused("a.json", b"[" * 1_000_000)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.pdf", b"just text", "not a PDF file"),
        ("a.pdf", b"%PDF-1.7 and nothing more", "damaged"),
        ("a.docx", b"PK\x03\x04 and nothing more", "damaged"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "without a password"),
        ("a.txt", b"\x7fELF\x02\x01\x01\0\0\0", "binary"),
        ("a.txt", b"PK\x03\x04", "ZIP archive"),
        ("a.json", b"", "no JSON"),
        ("a.csv", b"a\n" + b"x" * (1 << 21), "may have 1,048,576 characters: divide it"),
        ("a.xlsx", b"", ".xlsx files are not read here"),
    ],
)
async def test_what_is_not_what_it_says_is_refused_with_the_reason(
    read: Reader, name: str, content: bytes, told: str
) -> None:
    assert told in await read.refused(name, content)


async def test_a_zip_that_is_no_docx_is_refused(read: Reader) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "hello")
    assert "no DOCX" in await read.refused("a.docx", out.getvalue())


async def test_bombs_end_as_an_error_of_their_file(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    deflated = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with deflated as archive, archive.open("word/document.xml", "w") as entry:
        for _ in range(201):
            entry.write(bytes(1 << 20))
    assert "unpacks to more than" in await read.refused("bomb.docx", out.getvalue())

    monkeypatch.setattr(parse, "_memory", lambda: 96 << 20)
    assert "96 MiB of memory" in await read.refused("big.json", b'["' + b"x" * (60 << 20) + b'"]')
    monkeypatch.setattr(parse, "OUTPUT_BYTES", 1 << 20)
    assert "more text than one file may" in await read.refused("long.txt", b"word " * (1 << 19))


async def test_a_parser_that_takes_too_long_is_ended(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "CPU_SECONDS", 1)
    tags = b"<div>" * 400_000
    assert "takes too long" in await read.refused("deep.html", b"<html>" + tags)


async def test_a_parser_knows_no_secrets(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBED_KEY", "secret")
    started: dict[str, object] = {}
    start = asyncio.create_subprocess_exec

    async def spy(*command: str, **options: object) -> asyncio.subprocess.Process:
        started.update(options)
        return await start(*command, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    await read("a.txt", b"hello")
    assert set(started["env"]) == {"PATH", "LC_ALL"}  # type: ignore[call-overload]
    assert started["start_new_session"] is True


async def test_a_parser_is_found_where_the_instance_lies(
    read: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "vectorstore_instance" / "documents"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "worker.py").write_text("import json; print(json.dumps({'text': __file__}))")
    monkeypatch.setattr(parse, "_ROOT", tmp_path)
    (line,) = await read("a.txt", b"hello")
    assert line.text == str(package / "worker.py")


async def test_a_parser_without_its_front_does_not_begin(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert "damaged, or too large" in await read.refused("a.txt", b"hello")


async def test_noise_is_text_or_an_error_of_its_file(read: Reader) -> None:
    noise = random.Random(7)
    for name, content in {"a.pdf": pdf("Bees."), "a.docx": word("Bees.")}.items():
        for _ in range(3):
            broken = bytearray(content)
            for _ in range(20):
                broken[noise.randrange(100, len(broken))] = noise.randrange(256)
            with suppress(Unreadable):
                await read(name, bytes(broken))


def test_kinds_are_told_by_name_and_by_content() -> None:
    assert by_name("a.b/README") is None
    assert by_content("report", b"%PDF-1.7") == "pdf"
    assert by_content("report.txt", b"%PDF-1.7") == "pdf"
    assert by_content("download", b"  <!DOCTYPE html><html>") == "html"
    assert by_content("download", b'{"a": 1}\n{"a": 2}\n') == "jsonl"
    assert by_content("download", b'{"a": [1]}') == "json"
    assert by_content("download", b"a;b\n1;2\n", "text/csv; charset=utf-8") == "csv"
    assert by_content("README", b"hello") == "text"


def test_pieces_end_where_sentences_do() -> None:
    text = "A sentence of some words. " * 4000
    parts = list(pieces(Piece(text, offset=10, page=2)))
    assert "".join(part.text for part in parts) == text
    assert all(part.text.endswith(". ") for part in parts)
    assert [part.offset for part in parts] == [10, 10 + len(parts[0].text), 10 + len(parts[0].text + parts[1].text)]
    assert {part.page for part in parts} == {2}
