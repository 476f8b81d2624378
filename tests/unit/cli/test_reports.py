"""Why a store is not ready, in words, and what to do about it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from vectorstore_operator.cli import machine_report
from vectorstore_operator.cli.cluster_report import Look, report
from vectorstore_operator.cli.report import Report, tell

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ME = "kubectl vectorstore"


def condition(type_: str, status: str, reason: str, message: str) -> dict[str, str]:
    since = "2026-11-21T11:57:00Z"
    return {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def store(*conditions: dict[str, str], observed: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "acme", "namespace": "tenants", "generation": 1},
        "spec": spec,
        "status": {"observedGeneration": observed, "plan": "starter", "conditions": list(conditions)},
    }


def pod(reason: str = "", message: str = "", **last: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}} if reason else {"running": {}}
    container = {"state": state, "lastState": last, "restartCount": 4}
    conditions = [{"type": "Ready", "status": "False" if reason else "True"}]
    return {
        "kind": "Pod",
        "metadata": {"name": "acme-0", "namespace": "tenants"},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Running", "containerStatuses": [container], "conditions": conditions},
    }


def event(note: str, moment: str = "2026-11-21T11:58:00Z", type_: str = "Warning") -> dict[str, Any]:
    return {
        "metadata": {},
        "type": type_,
        "reason": "Failed",
        "note": note,
        "regarding": {"name": "acme-0"},
        "deprecatedLastTimestamp": moment,
    }


SERVING = condition("Ready", "True", "Serving", "1 of 1 pods answer")


def test_a_store_that_is_ready_has_nothing_to_explain() -> None:
    told = report(Look(store(SERVING), [pod()]), ME, NOW)
    assert told.ready
    assert told.headline == "acme in tenants: ready, for 3m"
    assert (told.why, told.todo, told.events) == ([], [], [])
    assert told.pods == [{"name": "acme-0", "state": "Running", "ready": "yes", "restarts": "4", "node": "node-1"}]


def test_an_image_that_is_missing_is_told_once_with_the_next_command() -> None:
    message = "pod acme-0: ImagePullBackOff: no such image; check the operator's instance image"
    not_ready = condition("Ready", "False", "ImageUnavailable", message)
    told = report(Look(store(not_ready), [pod("ImagePullBackOff", "no such image")]), ME, NOW)
    assert told.why == [f"Ready (ImageUnavailable): {message}"]
    assert told.pods[0]["state"] == "ImagePullBackOff"
    assert told.todo == ["kubectl describe pod acme-0 -n tenants"]


def test_a_crash_leads_to_the_log_of_what_crashed() -> None:
    crashed = pod("CrashLoopBackOff", "", terminated={"exitCode": 1})
    not_ready = condition("Ready", "False", "Crashing", "pod acme-0: ended with exit code 1")
    told = report(Look(store(not_ready), [crashed]), ME, NOW)
    assert "kubectl vectorstore logs acme -n tenants --previous" in told.todo


def test_a_refusal_is_told_by_field_value_and_remedy() -> None:
    refused = condition("Accepted", "False", "QuotaAbovePlan", "spec.quota.documents: 9 is above the 5; lower it")
    nothing = condition("Ready", "False", "NotAccepted", "there are no pods: see Accepted")
    told = report(Look(store(refused, nothing)), ME, NOW)
    assert told.why == ["Accepted (QuotaAbovePlan): spec.quota.documents: 9 is above the 5; lower it"]
    assert told.todo == ["change what is refused: kubectl edit vectorstore acme -n tenants"]


def test_a_full_store_is_ready_and_says_that_it_is_full() -> None:
    full = condition("QuotaExceeded", "True", "AtLimit", "5 of 5 documents: no more are taken")
    told = report(Look(store(full, SERVING)), ME, NOW)
    assert told.ready
    assert told.why == ["QuotaExceeded (AtLimit): 5 of 5 documents: no more are taken"]


def test_a_newer_version_and_one_that_failed_are_told_and_that_there_is_none_is_not() -> None:
    serving = condition("Ready", "True", "Serving", "")
    for status, reason in (("True", "NewVersion"), ("True", "RolledBack"), ("False", "UpToDate")):
        told = report(Look(store(serving, condition("UpdateAvailable", status, reason, "so it is"))), ME, NOW)
        assert told.ready
        assert told.why == ([] if status == "False" else [f"UpdateAvailable ({reason}): so it is"])


def test_an_operator_that_is_away_is_suspected() -> None:
    told = report(Look(store(SERVING, observed=0)), ME, NOW)
    assert not told.ready
    assert told.why == ["the operator has not looked at the last change yet"]
    assert "app.kubernetes.io/name=vectorstore-operator" in told.todo[0]


def test_sleep_and_pause_name_their_way_back() -> None:
    asleep = condition("Ready", "False", "Hibernated", "spec.hibernated: true, so no pods run")
    told = report(Look(store(asleep, hibernated=True, paused=True)), ME, NOW)
    assert told.todo == ["kubectl vectorstore wake acme -n tenants", "kubectl vectorstore resume acme -n tenants"]


def test_a_claim_that_waits_leads_to_its_events() -> None:
    claim = {"metadata": {"name": "data-acme-0"}, "status": {"phase": "Pending"}}
    told = report(Look(store(condition("Ready", "False", "Unschedulable", "no node")), claims=[claim]), ME, NOW)
    assert "kubectl describe pvc data-acme-0 -n tenants" in told.todo


def test_the_last_warnings_come_newest_first_and_not_those_of_yesterday() -> None:
    events = [
        event("an hour and more ago", "2026-11-21T10:59:00Z"),
        event("pulled", type_="Normal"),
        event("first\n  line", "2026-11-21T11:50:00Z"),
        event("second", "2026-11-21T11:59:30Z"),
    ]
    told = report(Look(store(), events=events), ME, NOW)
    assert [(row["age"], row["note"]) for row in told.events] == [("30s", "second"), ("10m", "first line")]


def test_the_text_leaves_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Report(ready=True, headline="acme: ready", facts=["plan starter"], why=[], todo=[]), "text")
    assert capsys.readouterr().out == "acme: ready\n  plan starter\n"


def test_a_store_that_is_not_ready_has_an_exit_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        tell(Report(ready=False, headline="acme: not ready", facts=[], why=["no node"], todo=["wait"]), "text")
    assert ended.value.code == 3
    assert capsys.readouterr().out == "acme: not ready\n\nwhy\n  no node\n\nwhat to do\n  wait\n"


def local(**changed: Any) -> dict[str, Any]:
    shown = {
        "name": "acme",
        "state": "Ready",
        "plan": "starter",
        "documents": 3,
        "limit": 100,
        "url": "http://127.0.0.1:1",
        "dataDir": "/home/stores/acme/data",
        "pid": 7,
        "restarts": 0,
        "paused": False,
    }
    return shown | changed


@pytest.mark.parametrize(
    ("shown", "why", "todo"),
    [
        pytest.param(local(), [], [], id="ready"),
        pytest.param(local(state="Stopped", pid=None), ["nothing of it runs"], ["vectorstore wake acme"], id="down"),
        pytest.param(local(state="Hibernated"), ["it hibernates"], ["vectorstore wake acme"], id="asleep"),
        pytest.param(
            local(state="NotReady", pid=None, restarts=3),
            ["its instance ended with exit code 1, 3 times so far"],
            ["vectorstore logs acme -f"],
            id="crashing",
        ),
        pytest.param(
            local(state="NotReady"),
            ["its instance (process 7) runs and does not answer"],
            ["vectorstore logs acme -f"],
            id="starting",
        ),
        pytest.param(local(paused=True), ["paused: "], ["vectorstore resume acme"], id="paused"),
    ],
)
def test_a_store_of_this_machine_says_why_it_is_not_ready(
    shown: dict[str, Any], why: list[str], todo: list[str]
) -> None:
    told = machine_report.report(shown, 1, ["the last line"])
    assert [line.startswith(begin) for line, begin in zip(told.why, why, strict=True)] == [True] * len(why)
    assert told.todo == todo
    assert told.log == (["the last line"] if shown["state"] == "NotReady" else [])
