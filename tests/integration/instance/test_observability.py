"""What an instance tells of itself while it works: numbers, probes, logs, the audit log and traces."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import trustme
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text_metrics
from tests.support.instances import Running, free_port, wait_until

from vectorstore_instance.api import metrics, probes
from vectorstore_instance.core.families import FAMILIES
from vectorstore_instance.engine import DATABASE, local, supervisor
from vectorstore_instance.engine.local import LocalEngine
from vectorstore_instance.settings import Limits, Settings

Start = Callable[..., Running]
CANARY = "sparrowhawk"
"""Stands for what a tenant stores and asks: nobody else may ever see it."""
TRACE = "0af7651916cd43dd8448eb211c80319c"
VECTORS = {"MODEL_NAME": "none", "DIMENSION": "3"}


def numbers(running: Running) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels, in the order of the labels' names."""
    page = httpx.get(f"{running.management_url}/metrics").text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_metrics(page)
        for sample in family.samples
    }


def test_what_a_client_does_is_counted(start: Start) -> None:
    running = start(MAX_DOCS="10", **VECTORS)
    collection = running.chroma().create_collection("birds", embedding_function=None)
    collection.upsert(ids=["a", "b", "c"], embeddings=[[1, 2, 3]] * 3)
    for _ in range(4):
        collection.query(query_embeddings=[[1, 2, 3]], n_results=1)
    with running.http() as http:
        assert http.get("/collections").status_code == 200
        assert http.get(f"{DATABASE}/collections/none").status_code == 404
    assert httpx.get(f"{running.url}/stats").status_code == 401

    told = numbers(running)

    assert told["vectorstore_requests_total", "upsert", "200"] == 1
    assert told["vectorstore_requests_total", "query", "200"] == 4
    assert told["vectorstore_request_duration_seconds_count", "query"] == 4
    assert told["vectorstore_request_duration_seconds_bucket", "+Inf", "query"] == 4
    assert told["vectorstore_requests_total", "/collections", "200"] == 1
    assert told["vectorstore_refusals_total", "NotFoundError", "404"] == 1
    assert told["vectorstore_refusals_total", "AuthorizationError", "401"] == 1
    assert told["vectorstore_written_rows_total", "upsert"] == 3
    assert told["vectorstore_documents",] == 3
    assert told["vectorstore_documents_limit",] == 10
    assert told["vectorstore_quota_use_ratio", "documents"] == 0.3
    assert told["vectorstore_engine_phase", "awake"] == 1
    assert told["vectorstore_engine_phase", "asleep"] == 0
    assert told["vectorstore_engine_process_resident_memory_bytes",] > 1 << 20
    assert told["process_resident_memory_bytes",] > 1 << 20
    assert told["vectorstore_ready",] == 1


def test_numbers_have_the_names_and_form_that_are_documented_and_wake_nothing(start: Start) -> None:
    running = start()
    told = {key[0] for key in numbers(running)}
    assert running.engine_pids() == []
    with running.http() as http:
        assert http.post("/embed/", json={"documents": ["one", "two"], "ids": ["1", "2"]}).status_code == 200
    page = httpx.get(f"{running.management_url}/metrics")
    families = {family.name: family for family in text_metrics(page.text)}
    named = {f"{name}_total" if family.type == "counter" else name: family for name, family in families.items()}
    ours = {
        name: family for name, family in named.items() if name.startswith("vectorstore_") and "_process_" not in name
    }
    assert {name: family.type for name, family in ours.items()}.items() <= {
        n: f.type for n, f in FAMILIES.items()
    }.items()
    # What is not there needs a certificate, a quota of bytes, an error, or another engine.
    elsewhere = {
        "vectorstore_tls_certificate_expiry_timestamp_seconds",
        "vectorstore_data_limit_bytes",
        "vectorstore_refusals_total",
    }
    assert set(FAMILIES) - set(ours) <= elsewhere
    assert {"vectorstore_documents", "vectorstore_data_bytes"} <= told
    assert families["vectorstore_embedded_texts"].samples[0].value == 2
    assert families["vectorstore_model_loaded"].samples[0].value == 1

    opened = httpx.get(
        f"{running.management_url}/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    assert "vectorstore_requests" in {family.name for family in open_metrics(opened.text)}
    if promtool := shutil.which("promtool"):
        checked = subprocess.run([promtool, "check", "metrics"], input=page.text, capture_output=True, text=True)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_end_of_a_certificate_is_a_number(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("store.example")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    ((_, _, ends),) = metrics.certificate(tmp_path / "tls.crt")
    assert ends > time.time()
    (tmp_path / "tls.crt").write_text("being written")
    assert list(metrics.certificate(tmp_path / "tls.crt")) == []


def probe(running: Running) -> list[tuple[int, str]]:
    """Status and reason of the three probes: starting, live, ready."""
    replies = [httpx.get(f"{running.management_url}/{path}") for path in ("startupz", "livez", "readyz")]
    return [(reply.status_code, reply.json().get("message", "")) for reply in replies]


def test_while_an_index_is_made_again_the_store_is_live_and_neither_started_nor_ready(start: Start) -> None:
    running = start(**VECTORS)
    collection = running.chroma().create_collection("held", embedding_function=None)
    collection.upsert(ids=[str(n) for n in range(2000)], embeddings=np.random.default_rng(0).random((2000, 3)))
    running.end(signal.SIGKILL)
    starting = threading.Thread(target=running.restart)
    starting.start()
    wait_until(lambda: bool(running.process and running.process.poll() is None and running.engine_pids()))
    (engine,) = running.engine_pids()
    os.kill(engine, signal.SIGSTOP)  # whatever it was doing, it has not ended
    try:
        (started, why), (live, _), (ready, _) = probe(running)
    finally:
        os.kill(engine, signal.SIGCONT)
        starting.join()
    assert (started, live, ready) == (503, 200, 503)
    assert "starting" in why or "index" in why
    assert [status for status, _ in probe(running)] == [200, 200, 200]
    assert collection.count() == 2000


def test_a_busy_engine_is_live_and_ready(start: Start) -> None:
    running = start(MODEL_NAME="none", DIMENSION="384")
    collection = running.chroma().create_collection("busy", embedding_function=None)
    vectors = np.random.default_rng(0).random((2000, 384), dtype=np.float32)
    writing = threading.Thread(target=lambda: collection.upsert(ids=[str(n) for n in range(2000)], embeddings=vectors))
    writing.start()
    asked = 0
    while writing.is_alive():
        assert [status for status, _ in probe(running)] == [200, 200, 200]
        asked += 1
    assert asked > 3
    assert collection.count() == 2000


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[LocalEngine]:
    """An engine in this process, so that its patience can be shortened."""
    started = LocalEngine(Settings(data_dir=tmp_path), Limits)
    await started.start()
    yield started
    await started.stop()


async def test_a_hung_engine_is_not_ready_but_live_until_it_is_replaced(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (await engine.request("GET", f"{DATABASE}/collections")).unwrap()
    asked = probes.Probes(engine, lambda: False)
    assert asked.answer("/readyz") == ""
    for module, name, seconds in (
        (local, "LOOK_SECONDS", 0.05),
        (supervisor, "SILENCE", 1),
        (probes, "UNREADY_SECONDS", 0.3),
    ):
        monkeypatch.setattr(module, name, seconds)
    hung = engine.pid
    assert hung
    os.kill(hung, signal.SIGSTOP)
    async with asyncio.timeout(30):
        while not (reason := asked.answer("/readyz")):  # noqa: ASYNC110 - silence is no event
            await asyncio.sleep(0.02)
        assert "has not answered its heartbeat" in reason
        assert asked.answer("/livez") == asked.answer("/startupz") == ""
        (await engine.request("GET", f"{DATABASE}/collections")).unwrap()
    assert asked.answer("/readyz") == ""
    assert engine.pid != hung


def test_while_it_ends_a_store_is_live_and_not_ready(start: Start) -> None:
    running = start(**VECTORS)
    with closing(http.client.HTTPConnection("127.0.0.1", running.port)) as half:
        half.putrequest("POST", "/api/v2/tenants")
        half.putheader("x-chroma-token", running.key())
        half.putheader("content-length", "16")
        half.endheaders(b'{"name":')
        wait_until(lambda: numbers(running)["vectorstore_requests_in_flight",] == 1)
        assert running.process
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: probe(running)[2][0] == 503)
        (started, _), (live, _), (_, reason) = probe(running)
        assert (started, live, reason) == (200, 200, "the store is shutting down")
    assert running.process.wait(30) == 0


def test_a_follower_without_its_leader_is_live_and_not_ready(start: Start) -> None:
    leader = start(**VECTORS)
    keys = {name: leader.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=leader.url, **VECTORS)
    assert [status for status, _ in probe(follower)] == [200, 200, 200]
    with follower.http() as http:
        made = http.post("/collections/create", json={"name": "followed"})
        assert made.status_code == 200, made.text
    leader.end()
    for log in (leader.log, follower.log):  # one id in both audit logs
        (event,) = (line for line in log.splitlines() if "vectorstore_instance.audit" in line)
        assert made.headers["chroma-trace-id"] in event
    wait_until(lambda: probe(follower)[2][0] == 503)
    (started, _), (live, _), (_, reason) = probe(follower)
    assert (started, live) == (200, 200)
    assert "LEADER_URL does not answer" in reason
    told = numbers(follower)
    assert (told["vectorstore_engine_phase", "away"], told["vectorstore_ready",]) == (1, 0)
    assert ("vectorstore_documents",) not in told  # the leader tells them


def test_logs_are_json_and_audit_names_who_and_how_many_and_never_what(start: Start) -> None:
    # A collector that is away costs requests nothing, and what is said of it is JSON, too.
    running = start(
        LOG_FORMAT="json", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}", OTEL_BSP_SCHEDULE_DELAY="100"
    )
    texts = {
        "documents": [CANARY, f"{CANARY} two"],
        "ids": [f"{CANARY}-1", f"{CANARY}-2"],
        "metadatas": [{CANARY: CANARY}, None],
    }
    with running.http() as http, running.http("read-only") as reader, running.http(None) as stranger:
        written = http.post("/embed/", json=texts)
        assert written.status_code == 200, written.text
        assert http.post("/search/", json={"query": CANARY}).json()["results"][0]["id"].startswith(CANARY)
        wrong = http.post("/embed/", json={"documents": [CANARY], "ids": [{"not": CANARY}]})
        broken = http.post(f"{DATABASE}/collections", content=b'{"name": "' + CANARY.encode())
        forbidden = reader.post("/delete/", json={"ids": [f"{CANARY}-1"]})
        unknown = stranger.post("/search/", json={"query": CANARY}, headers={"x-chroma-token": CANARY})
        gone = http.post("/delete/", json={"ids": [f"{CANARY}-1", f"{CANARY}-9"]})
        assert [r.status_code for r in (wrong, forbidden, unknown, gone)] == [422, 403, 401, 200]
        assert broken.status_code in (400, 422)
    assert running.end() == 0

    assert CANARY not in running.log
    assert not any(running.key(name) in running.log for name in ("read-write", "read-only"))
    lines = [json.loads(line) for line in running.log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    events = {line["request"]: line for line in lines if line["logger"] == "vectorstore_instance.audit"}
    told = [
        tuple(event[name] for name in ("message", "role", "route", "rows", "status", "error"))
        for event in (events[r.headers["chroma-trace-id"]] for r in (written, wrong, forbidden, unknown, gone))
    ]
    assert told == [
        ("written", "read-write", "/embed/", 2, 200, ""),
        ("refused", "read-write", "/embed/", 0, 422, "InvalidArgumentError"),
        ("refused", "read-only", "other", 0, 403, "AuthError"),
        ("refused", "", "other", 0, 401, "AuthorizationError"),
        ("written", "read-write", "/delete/", 1, 200, ""),
    ]
    assert broken.headers["chroma-trace-id"] in events
    assert len(events) == 6
    assert {event["tenant"] for event in events.values()} == {"acme"}


@pytest.fixture
def collector() -> Iterator[tuple[str, queue.Queue[bytes]]]:
    """An OpenTelemetry collector that keeps what it is sent."""
    received: queue.Queue[bytes] = queue.Queue()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            received.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", received
    server.shutdown()
    serving.join()
    server.server_close()


def test_a_request_is_a_trace_of_its_own_id_with_its_steps_and_without_contents(
    start: Start, collector: tuple[str, queue.Queue[bytes]]
) -> None:
    url, received = collector
    running = start(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SERVICE_NAME="store")
    with running.http() as http:
        written = http.post("/embed/", json={"documents": [CANARY], "ids": [CANARY]})
        asked = http.post(
            "/search/", json={"query": CANARY}, headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        )
        refused = http.post("/search/", json={"query": f"{CANARY} " * 900})
        upload = {"files": ("a.txt", f"{CANARY} sings.".encode(), "text/plain")}
        job = http.post("/api/v1/database/create", data={"name": "birds"}, files=upload)
        assert job.status_code == 202, job.text
        status = "/api/v1/database/birds/status"
        wait_until(lambda: http.get(status).json()["phase"] == "done")
    assert (written.status_code, asked.status_code, asked.headers["chroma-trace-id"]) == (200, 200, TRACE)
    assert running.end() == 0  # the last spans are sent before it ends

    sent = list(received.queue)
    assert not any(CANARY.encode() in body for body in sent)
    spans, resources = decode(sent)
    assert resources == [{"service.name": "store", "vectorstore.tenant": "acme"}] * len(resources)
    whole = spans[written.headers["chroma-trace-id"]]
    root = next(span for span in whole if span["name"] == "POST /embed/")
    assert root["kind"] == "SPAN_KIND_SERVER"
    assert root["attributes"]["http.response.status_code"] == "200"
    assert root["attributes"]["vectorstore.rows"] == "1"
    steps = {span["name"]: span for span in whole if span is not root}
    assert {"embed", "engine upsert"} <= steps.keys()
    assert all(step["parentSpanId"] == root["spanId"] for step in steps.values())
    jobs = {span["name"]: span for trace in spans.values() for span in trace if span["name"].startswith("document ")}
    assert jobs.keys() == {"document parse", "document store"}
    assert jobs["document store"]["traceId"] not in {span["traceId"] for span in whole}
    assert "embed" in {span["name"] for span in spans[jobs["document store"]["traceId"]]}
    (question,) = (span for span in spans[TRACE] if span["name"] == "POST /search/")
    assert question["parentSpanId"] == "b7ad6b7169203331"
    assert refused.status_code == 400, refused.text
    (wrong,) = (span for span in spans[refused.headers["chroma-trace-id"]] if span["name"] == "POST /search/")
    assert wrong["attributes"]["error.type"] == "InvalidArgumentError"


def decode(sent: list[bytes]) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, str]]]:
    """Spans by trace, and what is said of who sent them."""
    spans: dict[str, list[dict[str, Any]]] = {}
    resources = []
    for body in sent:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            said = _plain(MessageToDict(resource.resource)["attributes"])
            resources.append({name: said[name] for name in ("service.name", "vectorstore.tenant")})
            for scope in resource.scope_spans:
                for span in scope.spans:
                    found = {
                        **MessageToDict(span),
                        "traceId": span.trace_id.hex(),
                        "spanId": span.span_id.hex(),
                        "parentSpanId": span.parent_span_id.hex(),
                        "attributes": _plain(MessageToDict(span).get("attributes", [])),
                    }
                    spans.setdefault(span.trace_id.hex(), []).append(found)
    return spans, resources


def _plain(attributes: list[dict[str, Any]]) -> dict[str, str]:
    return {a["key"]: next(iter(a["value"].values())) for a in attributes}
