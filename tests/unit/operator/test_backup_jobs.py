"""The Jobs of backups: how they are made, and what their pods' ends say."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.support.jobs import result

from vectorstore_instance.backup.job import Destination, Folder, Job, Store
from vectorstore_operator.backups.jobs.job import Order, Purpose, job, secret
from vectorstore_operator.backups.jobs.shelf import JobShelf
from vectorstore_operator.backups.jobs.state import state
from vectorstore_operator.backups.known import Item
from vectorstore_operator.objects import Object
from vectorstore_operator.settings import OperatorSettings

NOW = datetime(2030, 6, 10, 20, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden_jobs" / "backup.yaml"
PURPOSE = Purpose(Item("backup", "tenants", "monday"), "6f1c9a3e-0000-4000-8000-123456789abc", "backup", 2)
ORDER = Order(
    PURPOSE,
    Job(
        verb="backup",
        store=Store(cluster="here", namespace="tenants", uid="0b1c", name="acme"),
        names=("monday",),
        destination=Destination(folder=Folder()),
        url="http://acme-0.acme-headless.tenants.svc:9090",
    ),
    {"token": "a-secret"},
    claim="backups",
)
SETTINGS = OperatorSettings(identity="test", instance_image="instance:1")


def test_a_job_and_its_secret_are_as_they_were(request: pytest.FixtureRequest) -> None:
    live = {"metadata": {"namespace": SETTINGS.namespace, "uid": "job-uid"}}
    made = [job(ORDER, SETTINGS), secret(ORDER, live)]
    if request.config.getoption("--update-golden"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(yaml.safe_dump_all(made, sort_keys=True))
    assert list(yaml.safe_load_all(GOLDEN.read_text())) == made


def test_no_job_holds_a_secret_or_the_token_of_a_service_account() -> None:
    made = job(ORDER, SETTINGS)
    assert "a-secret" not in json.dumps(made) + repr(ORDER)
    assert made["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_where_the_platform_chooses_who_pods_run_as_jobs_say_nothing_of_it() -> None:
    chosen = OperatorSettings(identity="test", run_as="platform")
    context = job(ORDER, chosen)["spec"]["template"]["spec"]["securityContext"]
    assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_the_job_is_told_what_is_in_the_secret() -> None:
    data = secret(ORDER, {"metadata": {"namespace": "n", "uid": "u"}})["data"]
    assert Job.model_validate_json(base64.b64decode(data["job.json"])) == ORDER.job


def ended(reason: str = "BackoffLimitExceeded", ago: float = 60) -> Object:
    at = (NOW - timedelta(seconds=ago)).isoformat()
    condition = {"type": "Failed", "status": "True", "reason": reason, "lastTransitionTime": at}
    return {"metadata": {"creationTimestamp": "2030-06-10T19:00:00Z"}, "status": {"conditions": [condition]}}


def pod(phase: str = "Failed", made: int = 1, **container: Object) -> Object:
    status = {"phase": phase, "containerStatuses": [{"state": container}]}
    return {"metadata": {"creationTimestamp": f"2030-06-10T19:00:0{made}Z"}, "status": status}


def test_the_newest_pod_tells_what_came_of_it() -> None:
    said = result("backup", "DestinationAway", transient=True)
    pods = [pod(made=2, terminated={"message": said.model_dump_json(by_alias=True)}), pod(made=1)]
    seen = state(ended(), pods, NOW)
    assert (seen.result, seen.failed) == (said, None)


@pytest.mark.parametrize(
    ("end", "container", "reason"),
    [
        ("DeadlineExceeded", {}, "TooSlow"),
        ("BackoffLimitExceeded", {"terminated": {"reason": "OOMKilled", "exitCode": 137}}, "OutOfMemory"),
        ("BackoffLimitExceeded", {"terminated": {"exitCode": 1, "message": "no JSON"}}, "Interrupted"),
    ],
)
def test_a_pod_that_ended_without_a_word_is_told_by_how_it_ended(end: str, container: Object, reason: str) -> None:
    seen = state(ended(end), [pod(**container)], NOW)
    assert (seen.result, seen.reason) == (None, reason)
    assert seen.failed


def test_a_job_has_not_ended_before_its_pod_is_known_to_have() -> None:
    late = pod("Running", running={})
    assert state(ended(ago=1), [late], NOW).ended is None
    assert state(ended(ago=60), [late], NOW).ended is not None


@pytest.mark.parametrize(
    ("waiting", "reason"), [("ImagePullBackOff", "ImageUnavailable"), ("CreateContainerError", "ContainerNotMade")]
)
def test_a_pod_that_cannot_start_says_why(waiting: str, reason: str) -> None:
    begun = {"metadata": {"creationTimestamp": "2030-06-10T19:00:00Z"}, "status": {}}
    seen = state(begun, [pod("Pending", waiting={"reason": waiting, "message": "why"})], NOW)
    assert (seen.ended, seen.reason) == (None, reason)
    assert "why" in (seen.failed or "")


@pytest.mark.parametrize("pods", [[], [pod("Pending", waiting={"reason": "ContainerCreating"})]])
def test_a_job_that_never_starts_is_not_said_to_run(pods: list[Object]) -> None:
    begun = {"metadata": {"creationTimestamp": "2030-06-10T19:59:00Z"}, "status": {}}
    assert state(begun, pods, NOW).reason == ""
    late = state(begun, pods, NOW + timedelta(minutes=2))
    assert (late.ended, late.reason) == (None, "NotStarted")
    assert late.failed
    assert state(begun, [pod("Running", running={})], NOW + timedelta(minutes=2)).failed is None


def test_jobs_lead_to_whom_they_are_for() -> None:
    made = job(ORDER, SETTINGS)
    made["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    shelf = JobShelf()
    assert shelf.put(made) == PURPOSE.of
    assert shelf.put(made) is None
    assert shelf.drop(made) == PURPOSE.of
