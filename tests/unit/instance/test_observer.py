"""What is counted, logged and audited of a request, told apart without a server."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vectorstore_instance.api.probes import DEAD_SECONDS, UNREADY_SECONDS, Probes
from vectorstore_instance.core import audit, metrics
from vectorstore_instance.core.exchange import Caller, Exchange, begin, current
from vectorstore_instance.core.families import FAMILIES
from vectorstore_instance.core.logs import JsonLines, TextLines
from vectorstore_instance.core.metrics import BOUNDS, Tally
from vectorstore_instance.core.observer import Observer
from vectorstore_instance.core.roles import Role
from vectorstore_instance.engine import Phase, State
from vectorstore_instance.settings import Settings

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
ROWS = "/api/v2/tenants/t/databases/d/collections/c/upsert"


def ended(method: str = "POST", path: str = ROWS, status: int = 200, **fields: Any) -> Exchange:
    exchange = Exchange(method, path, status=status, **fields)
    exchange.seconds = 0.003
    return exchange


@pytest.mark.parametrize(
    ("headers", "id_"),
    [
        ({"traceparent": PARENT}, TRACE),
        ({"chroma-trace-id": "1" * 32, "traceparent": PARENT}, TRACE),
        ({"traceparent": PARENT, "chroma-trace-id": "1" * 32}, TRACE),
        ({"chroma-trace-id": "1" * 32}, "1" * 32),
        ({"chroma-trace-id": "1" * 31 + "G"}, None),
        ({"chroma-trace-id": "0" * 32}, None),
        ({"chroma-trace-id": "1" * 33}, None),
        ({"traceparent": PARENT.upper()}, None),
        ({"traceparent": f"ff-{TRACE}-b7ad6b7169203331-01"}, None),
        ({"traceparent": f"00-{TRACE}-0000000000000000-01"}, None),
        ({}, None),
    ],
)
def test_a_request_has_its_callers_id_where_that_is_well_formed(headers: dict[str, str], id_: str | None) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    exchange = copy_context().run(begin, {"method": "GET", "path": "/", "headers": raw})
    assert len(exchange.id) == 32
    assert (exchange.id if id_ else None) == id_
    assert exchange.id not in ("0" * 32, "1" * 31 + "G")
    assert exchange.parent == (headers.get("traceparent", "") if id_ == TRACE else "")


def test_requests_are_counted_by_route_and_status_and_timed_by_route() -> None:
    tally = Tally()
    for status, rows in ((200, 3), (200, 4), (429, 5), (0, 0)):
        tally.ended(ended(status=status, route="upsert", rows=rows, error="QuotaError" if status == 429 else ""))
    assert tally.requests == {("upsert", 200): 2, ("upsert", 429): 1, ("upsert", 0): 1}
    assert tally.refusals == {("QuotaError", 429): 1}
    assert tally.rows == {"upsert": 7}
    times = tally.latency["upsert"]
    assert times.buckets[BOUNDS.index(0.005)] == 4
    assert times.seconds == pytest.approx(0.012)


def test_the_last_request_is_the_tenant_s_and_no_heartbeat() -> None:
    tally = Tally()
    tally.ended(ended(status=401))
    tally.ended(ended(route="system", caller=Caller(Role.READ_ONLY, "somebody")))
    assert tally.last_request is None
    before = time.time()
    tally.ended(ended(caller=Caller(Role.READ_ONLY, "somebody")))
    assert tally.last_request is not None
    assert tally.last_request >= before


def test_error_classes_that_another_server_makes_up_are_not_remembered_without_end() -> None:
    tally = Tally()
    for number in range(metrics.MOST_SERIES + 10):
        tally.ended(ended(status=400, error=f"E{number}"))
    assert len(tally.refusals) == metrics.MOST_SERIES + 1
    assert tally.refusals["other", 400] == 10


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [{"message": record.message, **record.fields} for record in caplog.records if record.name == audit.log.name]  # type: ignore[attr-defined]


async def settle() -> None:
    await asyncio.sleep(0)


@pytest.fixture
def observer(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Observer:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    caplog.set_level(logging.INFO)
    return Observer(Settings(tenant_id="acme"))


async def test_a_write_is_audited_with_who_what_and_how_many(
    observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Exchange("POST", ROWS, caller=Caller(Role.READ_WRITE, "ab12"), route="upsert", rows=3, status=200)
    observer.begun(exchange)
    observer.ended(exchange)
    assert audited(caplog) == []  # its answer goes first
    await settle()
    (event,) = audited(caplog)
    assert event.pop("seconds") > 0
    assert event == {
        "message": "written",
        "request": exchange.id,
        "caller": "ab12",
        "role": "read-write",
        "tenant": "acme",
        "method": "POST",
        "route": "upsert",
        "path": ROWS,
        "rows": 3,
        "status": 200,
        "error": "",
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("POST", ROWS, 200, "written"),
        ("POST", ROWS, 400, "refused"),
        ("POST", ROWS, 429, "refused"),
        ("POST", ROWS, 507, "refused"),
        ("POST", ROWS, 503, "failed"),
        ("POST", ROWS, 0, "abandoned"),
        ("DELETE", "/collections/a", 404, "refused"),
        ("POST", "/search/", 200, None),
        ("POST", "/search/", 404, None),
        ("POST", "/search/", 503, None),
        ("POST", "/search/", 401, "refused"),
        ("GET", "/stats", 403, "refused"),
        ("POST", "/search/", 413, "refused"),
        ("POST", "/search/", 429, "refused"),
    ],
)
async def test_writes_and_closed_doors_are_audited_and_reads_are_not(
    observer: Observer, caplog: pytest.LogCaptureFixture, method: str, path: str, status: int, told: str | None
) -> None:
    observer.begun(exchange := Exchange(method, path, status=status))
    observer.ended(exchange)
    await settle()
    assert [event["message"] for event in audited(caplog)] == ([told] if told else [])


async def test_a_flood_of_strangers_is_summed_up_and_hides_no_caller(
    observer: Observer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(audit, "time", SimpleNamespace(monotonic=lambda: now))
    watch = audit.Audit("acme")
    for _ in range(audit.TOLD + 25):
        watch.ended(ended(status=401), writes=False)
    watch.ended(ended(status=403, caller=Caller(Role.READ_ONLY, "cd34")), writes=True)
    await settle()
    events = audited(caplog)
    assert [event["status"] for event in events] == [401] * audit.TOLD + [403]
    now += 1
    watch.ended(ended(status=401), writes=False)
    await settle()
    assert [event.get("left_out") for event in audited(caplog)[len(events) :]] == [25, None]


async def test_what_was_left_out_is_told_at_the_end_at_the_latest(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = audit.Audit("acme")
    monkeypatch.setattr(audit, "time", SimpleNamespace(monotonic=lambda: 100.0))
    for _ in range(audit.TOLD + 1):
        watch.ended(ended(status=401), writes=False)
    watch.close()
    assert audited(caplog)[-1]["left_out"] == 1


def test_writes_are_never_left_out_of_a_flood(observer: Observer, caplog: pytest.LogCaptureFixture) -> None:
    async def many() -> None:
        for _ in range(10 * audit.TOLD):
            observer.begun(exchange := Exchange("POST", ROWS, status=200))
            observer.ended(exchange)
        await settle()

    asyncio.run(many())
    assert len(audited(caplog)) == 10 * audit.TOLD


async def test_without_audit_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    observer = Observer(Settings(audit=False))
    observer.begun(exchange := Exchange("POST", ROWS, status=200))
    observer.ended(exchange)
    await settle()
    assert audited(caplog) == []


def record(message: str, *, fields: dict[str, Any] | None = None, exc_info: Any = None) -> logging.LogRecord:
    made = logging.LogRecord("some.logger", logging.WARNING, __file__, 1, message, (), exc_info)
    made.created = 1_700_000_000.25
    if fields is not None:
        made.fields = fields
    return made


def test_an_event_is_one_json_object_on_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as problem:
        line = JsonLines().format(
            record("a\nb", fields={"rows": 3}, exc_info=(ValueError, problem, problem.__traceback__))
        )
    assert "\n" not in line
    event = json.loads(line)
    assert "ValueError: two\nlines" in event.pop("exception")
    assert event == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "some.logger",
        "message": "a\nb",
        "rows": 3,
    }


def test_half_a_surrogate_pair_is_written_and_not_lost() -> None:
    assert json.loads(JsonLines().format(record("\ud800", fields={"path": "\udfff"})))["path"] == "\\udfff"


def test_what_is_logged_for_a_request_bears_its_id_until_it_has_ended() -> None:
    token = current.set(exchange := Exchange("GET", "/"))
    try:
        assert json.loads(JsonLines().format(record("now")))["request"] == exchange.id
        exchange.seconds = 0.1
        assert "request" not in json.loads(JsonLines().format(record("later")))
    finally:
        current.reset(token)


def test_a_path_cannot_forge_a_line_of_text() -> None:
    line = TextLines("%(levelname)s %(message)s").format(
        record("GET /x\n2024 INFO \u2028forged", fields={"path": "/y\nz"})
    )
    assert line == 'WARNING GET /x\\n2024 INFO \\u2028forged path="/y\\nz"'


@pytest.mark.parametrize("form", [JsonLines(), TextLines("%(message)s")])
@pytest.mark.parametrize("end", ["\n", "\x7f", "\x85", "\x9b", "\u2028", "\u2029"])
def test_what_ends_a_line_for_any_reader_is_escaped_in_fields_too(form: logging.Formatter, end: str) -> None:
    line = form.format(record("refused", fields={"path": f"/y{end}z"}))
    assert (end in line, f"/y\\u{ord(end):04x}z" in line or "/y\\nz" in line) == (False, True)


class Stated:
    """An engine that says of itself what a test wants; asking it for anything else fails."""

    def __init__(self, phase: Phase, silent: float = 0.0) -> None:
        self.now = State(phase, silent=silent)

    def state(self) -> State:
        return self.now

    @property
    def ready(self) -> bool:
        return self.now.phase in ("asleep", "awake")


@pytest.mark.parametrize(
    ("phase", "silent", "started", "live", "ready"),
    [
        ("starting", 0, False, True, False),
        ("recovering", 0, False, True, False),
        ("asleep", 0, True, True, True),
        ("awake", 0, True, True, True),
        ("awake", UNREADY_SECONDS + 1, True, True, False),
        ("awake", DEAD_SECONDS + 1, True, False, False),
        ("away", 0, True, True, False),
    ],
)
def test_starting_live_and_ready_are_three_answers(
    phase: Phase, silent: float, started: bool, live: bool, ready: bool
) -> None:
    probes = Probes(Stated(phase, silent), lambda: False)  # type: ignore[arg-type]
    answers = [probes.answer(path) for path in ("/startupz", "/livez", "/readyz")]
    assert [not reason for reason in answers] == [started, live, ready]


def test_who_has_started_has_started_for_ever_and_is_not_ready_while_ending() -> None:
    engine = Stated("awake")
    stopping = False
    probes = Probes(engine, lambda: stopping)  # type: ignore[arg-type]
    assert probes.answer("/startupz") == ""
    engine.now = State("recovering")
    assert probes.answer("/startupz") == ""
    assert "index" in probes.answer("/readyz")
    engine.now, stopping = State("awake"), True
    assert "shutting down" in probes.answer("/readyz")
    assert probes.answer("/livez") == ""


def test_an_unknown_protocol_for_traces_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(ValueError, match=r"OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' .* set http/protobuf"):
        Observer(Settings())


def test_the_table_of_metrics_is_what_is_served() -> None:
    text = (Path(__file__).parents[3] / "docs" / "observability.md").read_text()
    page, _, _ = text.partition("\n## The operator\n")  # whose numbers are others
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "`vectorstore_" in line
    ]
    told = {
        row[0].strip("`"): (row[1], tuple(row[2].replace("`", "").replace(" ", "").split(",")) if row[2] else ())
        for row in rows
        if len(row) == 4
    }
    assert told == {name: (family.type, family.labels) for name, family in FAMILIES.items()}
