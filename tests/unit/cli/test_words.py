"""A store of a cluster in a word and in a line."""

from datetime import UTC, datetime
from typing import Any

import pytest

from vectorstore_operator.cli.show import Progress, age, amount, row, table, usage
from vectorstore_operator.cli.words import progress, state, summary

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def told(type_: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    since = "2026-11-21T11:57:00Z"
    return {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def store(*conditions: dict[str, str], spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    meta = {"name": "acme", "namespace": "tenants", "generation": 2, "creationTimestamp": "2026-11-20T12:00:00Z"}
    status = {"observedGeneration": 2, "conditions": list(conditions)} | status
    return {"metadata": meta, "spec": spec or {}, "status": status}


READY = told("Ready", "True", "Serving", "1 of 1 pods answer")
STARTING = told("Ready", "False", "Starting", "of 1 pods 1 are there, 1 as they should be, 0 answer")
NEVER = told("Ready", "False", "NotAccepted", "there are no pods: see Accepted")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        pytest.param(store(READY), "Ready", id="ready"),
        pytest.param(store(STARTING), "Starting", id="the reason why it is not"),
        pytest.param(store(NEVER, told("Accepted", "False", "QuotaAbovePlan")), "Refused", id="it never was accepted"),
        pytest.param(
            store(NEVER, told("Accepted", "Unknown", "RequestFails")), "RequestFails", id="nobody could say yet"
        ),
        pytest.param({"metadata": {}}, "Unknown", id="no operator has seen it"),
        pytest.param({"metadata": {"deletionTimestamp": "now"}}, "Terminating", id="it goes"),
    ],
)
def test_a_state_is_one_word(given: dict[str, Any], word: str) -> None:
    assert state(given) == word


def test_a_table_tells_of_what_is_paused_and_what_is_refused() -> None:
    refused = store(READY, told("Accepted", "False", "QuotaAbovePlan"), spec={"paused": True}, documents="3/100")
    assert row(summary(refused), NOW) == {
        "told": "Ready,Paused,Refused",
        "used": "3/100",
        "age": "1d",
    }
    assert row(summary(store()), NOW)["used"] == "-/-"
    assert row(summary(store(told("Ready", "False", "NotAccepted"))), NOW)["told"] == "Refused"


def test_a_summary_has_numbers_where_the_status_has_text() -> None:
    shown = summary(store(READY, documents="3/100", bytes=2048, plan="starter"))
    assert (shown["documents"], shown["limit"], shown["bytes"]) == (3, 100, 2048)
    assert summary({"metadata": {"name": "acme", "namespace": "t"}})["documents"] is None


def test_usage_is_told_in_words() -> None:
    shown = summary(store(documents="3/100", bytes=3 << 20, lastRequest="2026-11-21T11:59:15Z"))
    assert usage(shown, NOW) == {"percent": "3 %", "size": "3.0 MiB", "idle": "45s"}
    assert usage(summary(store()), NOW) == {"percent": None, "size": None, "idle": None}


@pytest.mark.parametrize(
    ("moment", "ago"),
    [
        ("2026-11-21T11:59:59Z", "1s"),
        ("2026-11-21T11:00:01Z", "59m"),
        ("2026-11-21T10:00:00.123456Z", "1h"),
        ("2026-11-01T12:00:00Z", "20d"),
        ("2026-11-21T12:00:05Z", "0s"),  # the cluster's clock is ahead of ours
        (None, None),
    ],
)
def test_ages_are_short(moment: str | None, ago: str | None) -> None:
    assert age(moment, NOW) == ago


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 50, "5120.0 TiB")])
def test_sizes_are_short(size: int, text: str) -> None:
    assert amount(size) == text


def test_tables_are_aligned() -> None:
    assert table([["NAME", "AGE"], ["a-long-name", "1s"], ["b", "12d"]]) == (
        "NAME         AGE\na-long-name  1s\nb            12d"
    )


def test_a_wait_tells_how_far_it_is() -> None:
    unseen = store() | {"status": {}}
    assert progress(unseen) == (0, 1, "acme: waiting for the operator")
    done, of, text = progress(store(STARTING, replicas=1, readyReplicas=0))
    assert (done, of) == (2, 4)
    assert text.startswith("acme: Starting: of 1 pods 1 are there")
    assert progress(store(READY, told("Progressing", "False", "Settled"), replicas=1, readyReplicas=1))[:2] == (3, 4)


@pytest.mark.parametrize(
    ("terminal", "printed"),
    [
        (False, "acme: Starting\nacme: Ready\n"),
        (True, f"\r\033[K[{'#' * 12}{'.' * 12}] acme: Starting\r\033[K[{'#' * 24}] acme: Ready\n"),
    ],
    ids=["lines", "bar"],
)
def test_a_bar_moves_on_a_terminal_and_lines_tell_others(
    terminal: bool, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    progressed = Progress()
    for done, text in ((1, "acme: Starting"), (1, "acme: Starting"), (2, "acme: Ready")):
        progressed.tell(done, 2, text)
    progressed.end()
    assert capsys.readouterr().err == printed
