"""Files in, passages out: with a real engine, the real model and real parsers, whatever ends in between."""

from __future__ import annotations

import http.server
import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from fpdf import FPDF
from tests.support.instances import Running, wait_until

from vectorstore_instance.models import documents as models
from vectorstore_instance.models.answers import Error

Start = Callable[..., Running]
BASE = "/api/v1/database"

BEES = "Bees make honey from nectar. They live in hives. "
RAIN = "Rain falls from clouds. Clouds are made of water. "


class Database:
    """A database of this test's own."""

    def __init__(self, http: httpx.Client, name: str) -> None:
        self.http = http
        self.name = name

    def send(self, files: dict[str, bytes | str], **fields: Any) -> httpx.Response:
        parts = [("files", (name, content)) for name, content in files.items()]
        return self.http.post(f"{BASE}/create", data={"name": self.name, **fields}, files=parts or None)

    def create(self, files: dict[str, bytes | str], **fields: Any) -> models.Accepted:
        reply = self.send(files, **fields)
        assert reply.status_code == 202, reply.text
        return models.Accepted.model_validate_json(reply.content, extra="forbid")

    def refused(self, status: int, reply: httpx.Response) -> str:
        assert reply.status_code == status, reply.text
        return Error.model_validate_json(reply.content, extra="forbid").message

    def status(self) -> models.DatabaseStatus:
        reply = self.http.get(f"{BASE}/{self.name}/status")
        assert reply.status_code == 200, reply.text
        return models.DatabaseStatus.model_validate_json(reply.content, extra="forbid")

    def over(self) -> dict[str, models.FileStatus]:
        """The files once nothing is left to be done."""
        wait_until(lambda: self.status().phase in ("done", "failed", "cancelled"), 90)
        return {file.source: file for file in self.status().files}

    def ask(self, query: str, **more: Any) -> list[models.Passage]:
        reply = self.http.post(f"{BASE}/{self.name}/query", json={"query": query, **more})
        assert reply.status_code == 200, reply.text
        return models.Passages.model_validate_json(reply.content, extra="forbid").results


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return re.sub(r"\W", "-", request.node.name)[:60].strip("-")


@pytest.fixture
def database(shared: Running, name: str) -> Database:
    return Database(shared.http(), name)


def pdf(*pages: str) -> bytes:
    made = FPDF()
    made.set_font("helvetica", size=12)
    for page in pages:
        made.add_page()
        made.multi_cell(0, text=page)
    return bytes(made.output())


def files_of(running: Running) -> list[str]:
    """What lies on disk besides the ledger."""
    folder = running.folder / "data" / "documents"
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.name.startswith("files.sqlite3")]


def test_files_become_passages_that_every_face_finds(shared: Running, database: Database) -> None:
    accepted = database.create(
        {
            "bees.md": f"# Bees\n\n{BEES}",
            "rain.pdf": pdf("Nothing of interest is here.", RAIN),
            "people.csv": "name,city\nAda,London\nBob,Paris\n",
            "broken.pdf": b"%PDF-1.7 nothing more",
            "sheet.xlsx": b"PK",
            "empty.txt": b"",
        }
    )
    assert accepted.status == f"{BASE}/{accepted.id}/status"
    files = database.over()
    assert database.status().phase == "done"
    assert {source: file.phase for source, file in files.items()} == {
        "bees.md": "done",
        "rain.pdf": "done",
        "people.csv": "done",
        "broken.pdf": "failed",
        "sheet.xlsx": "failed",
        "empty.txt": "failed",
    }
    assert files["empty.txt"].error == "there is no text in it"
    assert "damaged" in (files["broken.pdf"].error or "")
    assert ".xlsx files are not read here" in (files["sheet.xlsx"].error or "")
    assert (database.status().chunks_done, database.status().chunks_total) == (5, 5)

    (hit,) = database.ask("Where does rain come from?", n_results=1)
    assert (hit.source, hit.page, hit.offset, hit.row, hit.chunk) == ("rain.pdf", 2, 0, None, 1)
    assert hit.score == pytest.approx(1 - hit.distance)
    assert hit.metadata == {"source": "rain.pdf", "page": 2, "offset": 0, "chunk": 1}
    (hit,) = database.ask("Who lives in England?", n_results=1, where={"source": "people.csv"})
    assert (hit.text, hit.row) == ("name: Ada\ncity: London", 1)

    collection = shared.chroma().get_collection(database.name)
    assert (str(collection.id), collection.count()) == (accepted.id, 5)
    by_id = Database(database.http, accepted.id)
    assert by_id.ask("honey", n_results=1)[0].source == "bees.md"

    entries = models.Databases.model_validate(database.http.get(BASE).json()).databases
    entry = next(entry for entry in entries if entry.id == accepted.id)
    assert (entry.name, entry.phase, entry.files, entry.chunks) == (database.name, "done", 6, 5)
    assert database.http.delete(f"{BASE}/{accepted.id}").json() == {"deleted": database.name}
    assert "does not exist" in database.refused(404, database.http.get(f"{BASE}/{accepted.id}/status"))


def test_sizes_are_brought_down_to_the_model_and_that_is_said(database: Database) -> None:
    (file,) = database.create({"bees.txt": BEES * 40}, chunk_size="512").files
    assert (file.chunk_size, file.overlap) == (256, 25)
    assert file.note is not None
    assert "chunk_size 512 is brought down to 256: all-MiniLM-L6-v2" in file.note
    assert "chunk_size 512" in (database.over()["bees.txt"].note or "")
    passages = database.ask("bees", n_results=10)
    assert len(passages) > 1
    text = BEES * 40
    for passage in passages:
        assert passage.offset is not None
        assert text[passage.offset :].startswith(passage.text or "-")
    (file,) = database.create({"rain.txt": RAIN}, chunk_size="64", overlap="0", model="all-MiniLM-L6-v2").files
    assert (file.chunk_size, file.overlap, file.note) == (64, 0, None)


@pytest.mark.parametrize(
    ("status", "fields", "told"),
    [
        (422, {"chunk_size": "64", "overlap": "64"}, "overlap: must be at most half"),
        (422, {"overlap": "200"}, "which has 256 tokens here"),
        (422, {"chunk_size": "3"}, "chunk_size: "),
        (422, {"chunk_size": "many"}, "chunk_size: "),
        (422, {"chunksize": "64"}, "chunksize: not a field"),
        (400, {"model": "gpt"}, "'gpt' is not the store's; this store embeds with all-MiniLM-L6-v2"),
        (400, {"name": "a b"}, "name"),
        (400, {"urls": "https://files.example/a.pdf"}, "DOCUMENT_URLS"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    shared: Running, database: Database, status: int, fields: dict[str, str], told: str
) -> None:
    assert told in database.refused(status, database.send({"a.txt": BEES}, **fields))
    assert database.http.get(f"{BASE}/{database.name}/status").status_code == 404


def test_requests_that_are_no_orders_are_refused(database: Database) -> None:
    http = database.http
    headers = {"content-type": "multipart/form-data; boundary=x"}
    part = '--x\r\ncontent-disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    named, file = part.format("name", "", "abc"), part.format("files", '; filename="a.txt"', "hello")
    for body, told in (
        (named + part.format("files", '; filename=""', "") + "--x--\r\n", "files: missing"),
        (named + part.format("files", "", "handbook.md") + "--x--\r\n", "files: 'handbook.md' is text, not a file"),
        (named + file.replace("a.txt", "a\x1bb.txt") + "--x--\r\n", "files[0]: 'a\\x1bb.txt'"),
        (named + file, "ends before its last boundary"),
        (named + file.replace("a.txt", " ") + "--x--\r\n", "files[0]: "),
        ("nonsense", "multipart"),
    ):
        assert told in database.refused(422, http.post(f"{BASE}/create", content=body, headers=headers))
    assert "more than once" in database.refused(
        422,
        http.post(f"{BASE}/create", data={"name": "abc"}, files=[("files", ("a.txt", "x")), ("files", ("a.txt", "y"))]),
    )
    assert "name: " in database.refused(422, http.post(f"{BASE}/create", files=[("files", ("a.txt", "x"))]))
    assert "sent as `files`" in database.refused(422, http.post(f"{BASE}/create", files=[("pdf", ("a.txt", "x"))]))
    assert ".xlsx" in database.refused(400, database.send({"a.xlsx": "x"}))
    assert "content-type" in database.refused(415, http.post(f"{BASE}/create", content=b"x"))
    assert "urls" in database.refused(422, http.post(f"{BASE}/create", json={"name": "abc", "urls": []}))
    assert "not JSON" in database.refused(
        400, http.post(f"{BASE}/create", content=b"{", headers={"content-type": "application/json"})
    )
    assert http.get("/api/v1/databases").status_code == 410
    assert http.get("/api/v1/collections").status_code == 410


def test_files_are_called_what_people_call_them(database: Database) -> None:
    names = [
        "報告\u3000書.txt",
        "Screen at 3.00\u202fPM.txt",
        "a\u00a0b.txt",
        "👩\u200d👧.txt",
        "\U0001fae8.txt",
    ]
    database.create(dict.fromkeys(names, BEES))
    assert {name: file.phase for name, file in database.over().items()} == dict.fromkeys(names, "done")
    assert [hit.source for hit in database.ask("bees", where={"source": names[0]})] == [names[0]]


def test_a_long_question_is_refused_or_cut(database: Database) -> None:
    database.create({"bees.txt": BEES})
    database.over()
    asked = f"{BASE}/{database.name}/query"
    question = {"query": "What do bees make? " * 200}
    assert "truncate=true" in database.refused(400, database.http.post(asked, json=question))
    assert "cannot be split" in database.refused(422, database.http.post(f"{asked}?chunk=true", json=question))
    reply = database.http.post(f"{asked}?truncate=true", json=question)
    assert reply.status_code == 200, reply.text
    found = models.Passages.model_validate_json(reply.content, extra="forbid")
    assert [hit.source for hit in found.results] == ["bees.txt"]
    assert found.truncated
    assert found.truncated[0].characters == len(question["query"]) > found.truncated[0].read > 500


def test_a_store_without_a_model_says_what_to_do(vectors_only: Running) -> None:
    with vectors_only.http() as http:
        reply = Database(http, "papers").send({"a.txt": BEES})
        assert "its model is none" in reply.json()["message"]
        assert reply.status_code == 400
        assert http.get(BASE).json() == {"databases": []}
    assert not (vectors_only.folder / "data" / "documents").exists()


def test_a_read_only_key_asks_and_does_not_write(shared: Running, database: Database) -> None:
    database.create({"bees.txt": BEES})
    database.over()
    reader = Database(shared.http("read-only"), database.name)
    assert reader.ask("honey")[0].source == "bees.txt"
    assert reader.status().phase == "done"
    reader.refused(403, reader.send({"rain.txt": RAIN}))
    reader.refused(403, reader.http.delete(f"{BASE}/{database.name}"))
    reader.refused(403, reader.http.post(f"{BASE}/{database.name}/cancel"))
    assert shared.http(None).get(BASE).status_code == 401


def test_a_file_sent_again_takes_the_place_of_the_old_one(shared: Running, database: Database) -> None:
    database.create({"facts.txt": BEES * 10, "other.txt": "Something else altogether."}, chunk_size="32", overlap="0")
    database.over()
    collection = shared.chroma().get_collection(database.name)
    collection.upsert(ids=["mine"], embeddings=[[1.0] * 384], metadatas=[{"source": "facts.txt"}])
    before = set(collection.get()["ids"])
    database.create({"facts.txt": b"%PDF-1.7 a bad one"})
    assert database.over()["facts.txt"].phase == "failed"
    assert set(collection.get()["ids"]) == before

    database.create({"facts.txt": RAIN}, chunk_size="32", overlap="0")
    assert database.over()["facts.txt"].phase == "done"
    texts = [text for text in collection.get(where={"source": "facts.txt"})["documents"] or [] if text]
    assert " ".join(texts) == RAIN.strip()
    left = set(collection.get()["ids"])
    assert "mine" in left
    assert {hit.source for hit in database.ask("bees", n_results=50)} == {"facts.txt", "other.txt"}
    database.create({"facts.txt": RAIN}, chunk_size="32", overlap="0")
    database.over()
    assert set(collection.get()["ids"]) == left


def test_a_full_store_keeps_what_is_done_and_goes_on_with_the_same_upload(start: Start) -> None:
    running = start(MAX_DOCS="70")
    database = Database(running.http(), "papers")
    text = "".join(f"Fact number {n} is about bees and their honey. " for n in range(80))
    database.create({"facts.txt": text}, chunk_size="16", overlap="0")
    failed = database.over()["facts.txt"]
    assert failed.phase == "failed"
    assert "of 70 are used" in (failed.error or "")
    assert 0 < failed.chunks_done < failed.chunks_total
    collection = running.chroma().get_collection("papers")
    assert collection.count() == failed.chunks_done
    wait_until(lambda: files_of(running) == [])

    running.end()
    running.environ["MAX_DOCS"] = "500"
    running.start()
    database.create({"facts.txt": text}, chunk_size="16", overlap="0")
    done = database.over()["facts.txt"]
    assert (done.phase, done.chunks_done) == ("done", failed.chunks_total)
    assert running.chroma().get_collection("papers").count() == done.chunks_total


def test_a_job_survives_every_kill(start: Start) -> None:
    running = start()
    database = Database(running.http(), "papers")
    text = "".join(f"Fact number {n} is about bees and their honey. " for n in range(130))
    database.create({"a.txt": text, "b.txt": text.replace("bees", "wasps")}, chunk_size="16", overlap="0")
    seen = [0]
    for least in (0, 60, 131):  # in the parsing, in the first file, in the second
        wait_until(lambda least=least: database.status().chunks_done >= least, 90)
        running.end(signal.SIGKILL)
        running.restart()
        seen.append(database.status().chunks_done)
        assert seen[-1] >= least
    files = database.over()
    assert [file.phase for file in files.values()] == ["done", "done"]
    assert seen[-1] < sum(file.chunks_total for file in files.values())
    collection = running.chroma().get_collection("papers")
    stored = collection.get(include=["documents"])
    assert sorted(stored["ids"]) == sorted(set(stored["ids"]))
    assert len(stored["ids"]) == sum(file.chunks_total for file in files.values())
    for what in ("bees", "wasps"):
        facts = {
            int(n) for text in stored["documents"] or [] if what in text for n in re.findall(r"number (\d+) ", text)
        }
        assert facts == set(range(130))
    wait_until(lambda: files_of(running) == [])


def test_a_request_cut_off_leaves_nothing(start: Start) -> None:
    running = start()
    inbox = running.folder / "data" / "documents"
    database = Database(running.http(), "papers")
    head = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
    headers = {"content-type": "multipart/form-data; boundary=x"}

    def body() -> Iterator[bytes]:
        yield head + b"x" * 200_000
        wait_until(lambda: any(inbox.glob("*/*")))
        running.end(signal.SIGKILL)
        yield b"x"

    with pytest.raises(httpx.TransportError):
        database.http.post(f"{BASE}/create", content=body(), headers=headers)
    assert files_of(running) != []
    running.restart()
    wait_until(lambda: files_of(running) == [])


def test_too_large_a_body_is_refused_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text(json.dumps({"max_body_bytes": 100_000}))
    running = start(LIMITS_FILE=str(limits))
    database = Database(running.http(), "papers")
    assert "100000 are allowed" in database.refused(413, database.send({"a.txt": "x" * 200_000}))

    def body() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
        for _ in range(20):
            yield b"x" * 10_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert database.http.post(f"{BASE}/create", content=body(), headers=headers).status_code == 413
    assert files_of(running) == []


def test_work_can_be_cancelled(start: Start) -> None:
    running = start()
    database = Database(running.http(), "papers")
    text = "".join(f"Fact number {n} is about bees and their honey. " for n in range(600))
    database.create({"a.txt": text, "b.txt": BEES}, chunk_size="16", overlap="0")
    wait_until(lambda: database.status().chunks_done > 0, 60)
    assert database.http.post(f"{BASE}/papers/cancel").json() == {"cancelled": 2}
    assert {file.phase for file in database.status().files} == {"cancelled"}
    assert files_of(running) == []
    done = database.status().chunks_done
    assert running.chroma().get_collection("papers").count() >= done > 0
    database.create({"c.txt": RAIN})
    assert database.over()["c.txt"].phase == "done"


class Files(http.server.BaseHTTPRequestHandler):
    """Serves one file."""

    content: ClassVar[dict[str, bytes]] = {"/public/rain": f"<html><p>{RAIN}</p></html>".encode()}

    def do_GET(self) -> None:
        found = self.content.get(self.path.partition("?")[0])
        self.send_response(200 if found else 404)
        self.send_header("content-length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, *_: object) -> None:
        pass


def test_files_are_fetched_from_where_it_is_allowed(start: Start) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site = f"http://127.0.0.1:{server.server_port}"
        running = start(DOCUMENT_URLS=f"{site}/public/")
        database = Database(running.http(), "papers")

        def order(*urls: str) -> httpx.Response:
            return database.http.post(f"{BASE}/create", json={"name": "papers", "urls": urls})

        assert "does not begin with" in database.refused(400, order(f"{site}/private/a"))
        assert order(f"{site}/public/rain?sig=secret", f"{site}/public/gone").status_code == 202
        files = database.over()
        assert files[f"{site}/public/rain"].phase == "done"
        assert "answered 404" in (files[f"{site}/public/gone"].error or "")
        (hit,) = database.ask("clouds", n_results=1)
        assert (hit.source, hit.text) == (f"{site}/public/rain", RAIN.strip())
        assert "secret" not in running.log
        server.shutdown()


def test_a_follower_hands_documents_to_the_leader(start: Start, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text(json.dumps({"max_body_bytes": 400_000}))
    leader = start()
    keys = {name: leader.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=leader.url, LIMITS_FILE=str(limits))
    database = Database(follower.http(), "papers")
    text = "".join(f"Fact number {n} is about bees and their honey. " for n in range(20))
    database.create({"facts.txt": text, "large.csv": "a\n" + "x" * 300_000})
    assert database.over()["facts.txt"].phase == "done"
    assert database.ask("honey")[0].source == "facts.txt"
    assert Database(leader.http(), "papers").status().phase == "done"
    assert Database(follower.http("read-only"), "papers").ask("honey")
    database.refused(403, Database(follower.http("read-only"), "papers").send({"a.txt": BEES}))
    assert "overlap" in database.refused(422, database.send({"a.txt": BEES}, overlap="600"))
    assert not (follower.folder / "data").exists()
    endless = (b"x" * 10_000 for _ in range(50))
    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert database.http.post(f"{BASE}/create", content=endless, headers=headers).status_code == 413
    wait_until(lambda: files_of(leader) == [])
    leader.end()
    away = database.http.get(f"{BASE}/papers/status")
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")


def test_a_callers_own_database_is_believed_from_the_stores_own_pods_alone(start: Start) -> None:
    running = start()
    header = {"x-vectorstore-database": "user-one"}
    own = Database(
        httpx.Client(base_url=running.url, headers={"x-chroma-token": running.key("internal"), **header}), "papers"
    )
    own.create({"bees.txt": BEES})
    own.over()
    tenant = Database(running.http(), "papers")
    tenant.http.headers.update(header)
    assert "does not exist" in tenant.refused(404, tenant.http.get(f"{BASE}/papers/status"))
    assert own.ask("honey")[0].source == "bees.txt"
    assert tenant.http.get(BASE).json() == {"databases": []}


def test_documents_work_before_another_engine(start: Start) -> None:
    other = start()
    front = start(ENGINE_URL=other.url, ENGINE_TOKEN_FILE=str(other.folder / "keys" / "read-write"))
    database = Database(front.http(), "papers")
    database.create({"bees.txt": BEES, "rain.txt": RAIN})
    assert {file.phase for file in database.over().values()} == {"done"}
    assert database.ask("clouds", n_results=1)[0].source == "rain.txt"
    assert other.chroma().get_collection("papers").count() == 2
    assert not (other.folder / "data" / "documents").exists()
    wait_until(lambda: files_of(front) == [])
