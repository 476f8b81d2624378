"""What the status of a store and of a plan says of what was seen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft4Validator
from tests.support.desired import UID, sized, store

from vectorstore_operator.api.backup import ProtectionStatus
from vectorstore_operator.api.store import StoreStatus
from vectorstore_operator.conditions import Told
from vectorstore_operator.crd.structural import structural
from vectorstore_operator.names import labels
from vectorstore_operator.objects import Children, Object, key
from vectorstore_operator.observe import Usage, plan_status, status
from vectorstore_operator.observe.backed import NOTHING, Backed
from vectorstore_operator.plan import Resolved
from vectorstore_operator.refusal import Refusal

EARLIER = "2026-01-01T00:00:00Z"
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
REFUSED = Refusal("QuotaAbovePlan", "spec.quota.documents: too many")


def cr(before: Object | None = None, **spec: Any) -> Object:
    meta = {"name": "acme", "namespace": "tenants", "uid": UID, "generation": 7}
    return {"kind": "VectorStore", "metadata": meta, "spec": spec, "status": before or {}}


def stateful_set(wanted: int = 1, **seen: Any) -> Object:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), wanted)
    revisions = {"currentRevision": "a", "updateRevision": "a"}
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "acme", "labels": labels("acme"), "generation": 3},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": 3, **revisions, **counts, **seen},
    }


def claim(ordinal: int = 0, phase: str = "Bound", **metadata: Any) -> Object:
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"data-acme-{ordinal}", **metadata},
        "spec": {"resources": {"requests": {"storage": "3Gi"}}},
        "status": {"phase": phase},
    }


def pod(ordinal: int = 0, container: Object | None = None, *conditions: Object) -> Object:
    return {
        "kind": "Pod",
        "metadata": {"name": f"acme-{ordinal}", "namespace": "tenants"},
        "status": {"conditions": list(conditions), "containerStatuses": [container] if container else []},
    }


def children(*objects: Object) -> Children:
    return {key(obj): obj for obj in objects}


def told(
    *objects: Object,
    verdict: Resolved | Refusal | None = None,
    usage: Usage | None = None,
    about: Object | None = None,
    backed: Backed = NOTHING,
) -> tuple[Object, dict[str, Object]]:
    """The status and its conditions by type."""
    found = status(about or cr(), verdict or store(), children(*objects), usage, NOW, backed=backed)
    Draft4Validator(structural(StoreStatus)).validate(found)
    return found, {condition["type"]: condition for condition in found["conditions"]}


def says(condition: Object) -> tuple[str, str]:
    return condition["status"], condition["reason"]


def test_a_store_that_serves() -> None:
    found, conditions = told(stateful_set(), claim(), usage=Usage(12, 100_000, bytes=7, last_request=1_700_000_000))
    assert {field: value for field, value in found.items() if field != "conditions"} == {
        "observedGeneration": 7,
        "plan": "starter",
        "url": "http://acme.tenants.svc:8000",
        "secret": "acme-credentials",
        "precision": "fp32",
        "replicas": 1,
        "readyReplicas": 1,
        "selector": "vectorstore.dev/store=acme",
        "documents": "12/100000",
        "storage": {"size": "3Gi"},
        "bytes": 7,
        "lastRequest": "2023-11-14T22:13:20Z",
    }
    assert {type_: says(condition) for type_, condition in conditions.items()} == {
        "Accepted": ("True", "Accepted"),
        "Progressing": ("False", "Settled"),
        "QuotaExceeded": ("False", "WithinQuota"),
        "StorageHealthy": ("True", "Bound"),
        "Ready": ("True", "Serving"),
    }
    assert list(conditions)[-1] == "Ready"
    assert {condition["observedGeneration"] for condition in conditions.values()} == {7}


def test_a_store_of_which_nothing_is_there_yet() -> None:
    found, conditions = told()
    assert (found["replicas"], found["readyReplicas"], found.get("documents")) == (0, 0, None)
    assert says(conditions["Ready"]) == ("False", "Creating")
    assert says(conditions["Progressing"]) == ("True", "Creating")
    assert says(conditions["StorageHealthy"]) == ("Unknown", "NoClaims")
    assert says(conditions["QuotaExceeded"]) == ("Unknown", "NotCounted")


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (stateful_set(3, observedGeneration=2), "RollingOut"),
        (stateful_set(3, updatedReplicas=2), "RollingOut"),
        (stateful_set(3, updateRevision="b"), "RollingOut"),
        (stateful_set(3, readyReplicas=2), "Starting"),
        (stateful_set(3, replicas=2), "Scaling"),
        (stateful_set(2), "Scaling"),
        (stateful_set(4), "Scaling"),
        ({**stateful_set(3), "status": {}}, "Scaling"),
    ],
)
def test_it_is_never_ready_too_early(live: Object, reason: str) -> None:
    _, conditions = told(live, verdict=store("standard", replicas=3))
    assert says(conditions["Ready"]) == ("False", reason)
    assert says(conditions["Progressing"]) == ("True", reason)


def test_the_statefulset_of_a_stranger_tells_nothing() -> None:
    stranger = stateful_set()
    stranger["metadata"]["labels"] = {}
    _, conditions = told(stranger, verdict=Refusal("NameConflict", "StatefulSet acme: exists"))
    assert says(conditions["Ready"]) == ("False", "NotAccepted")


def waiting(why: str, message: str = "", **last: Any) -> Object:
    state = {"waiting": {"reason": why, "message": message}}
    return {"state": state, "restartCount": 4, "lastState": {"terminated": last} if last else {}}


LAST_WORDS = {"exitCode": 1, "message": "MODEL_NAME: other data\n"}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}


@pytest.mark.parametrize(
    ("trouble", "reason", "message"),
    [
        (pod(0, None, UNSCHEDULABLE), "Unschedulable", "pod acme-0: no node takes it: 0/3 nodes; add or free one"),
        (pod(0, waiting("ImagePullBackOff", "no such image")), "ImageUnavailable", "ImagePullBackOff: no such image"),
        (pod(0, waiting("CreateContainerConfigError", "no secret")), "ContainerNotMade", "no secret"),
        (
            pod(0, waiting("CrashLoopBackOff", "", exitCode=2)),
            "Crashing",
            "ended with exit code 2, restarted 4 times; see: kubectl logs -n tenants acme-0 --previous",
        ),
        (
            pod(0, waiting("CrashLoopBackOff") | {"lastState": {"terminated": LAST_WORDS}}),
            "Crashing",
            "ended with exit code 1, restarted 4 times: MODEL_NAME: other data; see: kubectl logs",
        ),
        (pod(0, waiting("CrashLoopBackOff", "", exitCode=0)), "Crashing", "ended with exit code 0"),
        (pod(0, waiting("CrashLoopBackOff")), "Crashing", "pod acme-0: ended, restarted 4 times"),
        (pod(0, {"state": {"terminated": {"exitCode": 1}}}), "Crashing", "ended with exit code 1, restarted 0 times"),
        (
            pod(0, waiting("CrashLoopBackOff", "", exitCode=137, reason="OOMKilled")),
            "OutOfMemory",
            "ran out of memory, restarted 4 times; choose a larger plan",
        ),
        (pod(0, waiting("ContainerCreating")), "Starting", "of 1 pods 1 are there, 1 as they should be, 0 answer"),
        (pod(0, {"state": {"running": {}}}), "Starting", "0 answer"),
        (pod(0, {"state": {"terminated": {"exitCode": 0}}}), "Starting", "0 answer"),
    ],
)
def test_why_it_is_not_ready(trouble: Object, reason: str, message: str) -> None:
    _, conditions = told(stateful_set(readyReplicas=0), trouble, pod(1))
    assert says(conditions["Ready"]) == ("False", reason)
    assert message in conditions["Ready"]["message"]


@pytest.mark.parametrize(
    ("found", "expected", "message"),
    [
        (claim(phase="Lost"), ("False", "VolumeLost"), "data-acme-0: its volume is gone"),
        (claim(phase="Pending"), ("False", "ClaimPending"), "waits for a volume of 3Gi and names no StorageClass"),
        (claim(deletionTimestamp=EARLIER), ("False", "ClaimDeleted"), "goes, with its data, when its pod ends"),
    ],
)
def test_how_the_volumes_are(found: Object, expected: tuple[str, str], message: str) -> None:
    _, conditions = told(stateful_set(), found)
    assert says(conditions["StorageHealthy"]) == expected
    assert message in conditions["StorageHealthy"]["message"]


def test_volumes_of_pods_that_are_not_wanted_do_not_matter() -> None:
    _, conditions = told(stateful_set(), claim(0), claim(1, "Lost"))
    assert says(conditions["StorageHealthy"]) == ("True", "Bound")


@pytest.mark.parametrize(("used", "holds"), [(4, "False"), (5, "True"), (6, "True")])
def test_a_full_store_says_so(used: int, holds: str) -> None:
    found, conditions = told(verdict=store(quota={"documents": 5}), usage=Usage(used, 5))
    assert found["documents"] == f"{used}/5"
    assert conditions["QuotaExceeded"]["status"] == holds


def test_between_two_answers_the_last_one_stands() -> None:
    before = {"documents": "8/8", "bytes": 7, "lastRequest": "2023-11-14T22:13:20Z"}
    found, conditions = told(verdict=store(quota={"documents": 9}), about=cr(before))
    assert (found["documents"], found["bytes"], found["lastRequest"]) == ("8/9", 7, "2023-11-14T22:13:20Z")
    assert says(conditions["QuotaExceeded"]) == ("False", "WithinQuota")


SERVED = {"plan": "standard", "url": "http://acme.tenants.svc:8000", "secret": "acme-credentials", "documents": "8/9"}


def test_a_refused_store_goes_on_as_it_was() -> None:
    found, conditions = told(stateful_set(2), verdict=REFUSED, about=cr(SERVED))
    assert {field: found[field] for field in SERVED} == SERVED
    assert says(conditions["Accepted"]) == ("False", "QuotaAbovePlan")
    assert conditions["Accepted"]["message"] == "spec.quota.documents: too many"
    assert says(conditions["Progressing"]) == ("False", "NotAccepted")
    assert says(conditions["Ready"]) == ("True", "Serving")
    assert found["observedGeneration"] == 7


def test_an_instance_that_restarted_takes_no_last_request_back() -> None:
    before = {"documents": "8/8", "lastRequest": "2023-11-14T22:13:20Z"}
    found, _ = told(usage=Usage(8, 8), about=cr(before))
    assert found["lastRequest"] == "2023-11-14T22:13:20Z"


def test_a_refused_store_counts_by_the_quota_its_instance_keeps() -> None:
    found, _ = told(stateful_set(), verdict=REFUSED, usage=Usage(9, 9), about=cr(SERVED))
    assert found["documents"] == "9/9"


def test_a_store_that_was_never_accepted_has_nothing() -> None:
    found, conditions = told(verdict=REFUSED)
    assert {"plan", "url", "secret", "documents"}.isdisjoint(found)
    assert says(conditions["Ready"]) == ("False", "NotAccepted")


def test_a_paused_store_is_judged_by_what_is_there() -> None:
    _, conditions = told(stateful_set(2), verdict=store("standard", replicas=3), about=cr(paused=True))
    assert says(conditions["Progressing"]) == ("False", "Paused")
    assert says(conditions["Ready"]) == ("True", "Serving")


def test_a_store_that_was_made_paused_has_no_address_and_no_keys_yet() -> None:
    found, _ = told(verdict=store(), about=cr(paused=True))
    assert {"url", "secret"}.isdisjoint(found), "whoever is told an address has its name"


def test_a_hibernated_store_is_not_ready_for_a_reason_that_is_no_trouble() -> None:
    _, conditions = told(stateful_set(0), claim(), verdict=store(hibernated=True))
    assert says(conditions["Ready"]) == ("False", "Hibernated")
    assert says(conditions["Progressing"]) == ("False", "Hibernated")
    assert says(conditions["StorageHealthy"]) == ("True", "Bound")
    _, conditions = told(stateful_set(1), verdict=store(hibernated=True))
    assert says(conditions["Ready"]) == ("False", "Hibernated")
    assert says(conditions["Progressing"]) == ("True", "Scaling")


def test_a_store_that_sleeps_says_so_while_it_is_paused_or_refused() -> None:
    for verdict, spec in ((store(), {"paused": True}), (REFUSED, {})):
        _, conditions = told(stateful_set(0), verdict=verdict, about=cr(**spec))
        assert says(conditions["Ready"]) == ("False", "Hibernated")


def ready_pod() -> Object:
    return pod(0, None, {"type": "Ready", "status": "True"})


@pytest.mark.parametrize(
    ("had", "live", "expected"),
    [
        (1, (), ("True", "Serving")),
        (1, ({**stateful_set(), "status": {}},), ("True", "Serving")),
        (None, (), ("False", "Creating")),
        (0, (), ("False", "Creating")),
        (None, ({**stateful_set(), "status": {}},), ("False", "Scaling")),
    ],
)
def test_pods_go_on_serving_while_their_statefulset_is_made_anew(
    had: int | None, live: tuple[Object, ...], expected: tuple[str, str]
) -> None:
    _, conditions = told(*live, ready_pod(), about=cr({} if had is None else {"replicas": had}))
    assert says(conditions["Ready"]) == expected


def before(holds: str) -> Object:
    condition = {"type": "Ready", "status": holds, "reason": "Old", "message": "", "lastTransitionTime": EARLIER}
    return {"conditions": [condition]}


@pytest.mark.parametrize(("holds", "since"), [("True", EARLIER), ("False", "2026-02-03T04:05:06Z")])
def test_since_when_something_holds(holds: str, since: str) -> None:
    _, conditions = told(stateful_set(), claim(), about=cr(before(holds)))
    assert conditions["Ready"]["lastTransitionTime"] == since
    assert conditions["Ready"]["reason"] == "Serving"


def test_the_same_again_is_the_same_status() -> None:
    first, _ = told(stateful_set(), claim(), usage=Usage(1, 5))
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert status(cr(first), store(), children(stateful_set(), claim()), None, later) == first


def test_a_plan_tells_its_sizes() -> None:
    plan = {"metadata": {"name": "p", "generation": 2}, "status": {}}
    found = plan_status(plan, sized("p", {"documents": 5, "memory": "4Gi", "storage": {"size": "99Gi"}}), NOW)
    assert (found["memory"], found["storage"], found["observedGeneration"]) == ("4Gi", "99Gi", 2)
    assert says(found["conditions"][0]) == ("True", "Accepted")


def test_a_refused_plan_tells_why() -> None:
    plan = {"metadata": {"name": "p", "generation": 2}, "status": {"memory": "4Gi", "storage": "99Gi"}}
    found = plan_status(plan, Refusal("PlanTooSmall", "plan p: too small"), NOW)
    assert (found["memory"], found["storage"]) == ("4Gi", "99Gi")
    assert says(found["conditions"][0]) == ("False", "PlanTooSmall")


def test_the_status_tells_of_keys_where_something_was_asked_of_them() -> None:
    credentials = {
        "kind": "Secret",
        "metadata": {"name": "acme-credentials", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "data": {"read-write": "c2VjcmV0", "read-write-until-20260301T000000Z": "c2VjcmV0"},
    }
    assert "keys" not in status(cr(), store(), children(credentials), None, NOW)
    asked = {"rotateEvery": 90}
    told = status(cr(keys=asked), store(keys=asked), children(credentials), None, NOW)["keys"]
    assert told == {
        "rotatedAt": "2026-01-01T00:00:00Z",
        "nextRotation": "2026-04-01T00:00:00Z",
        "formerValidUntil": "2026-03-01T00:00:00Z",
    }
    assert status(cr({"keys": told}, keys=asked), REFUSED, {}, None, NOW)["keys"] == told


def test_what_cannot_be_tried_is_neither_accepted_nor_refused_and_the_store_goes_on_as_it_was() -> None:
    why = Refusal("RequestFails", "StatefulSet acme cannot be written: down", undecided=True)
    found, conditions = told(stateful_set(2), verdict=why, about=cr(SERVED))
    assert says(conditions["Accepted"]) == ("Unknown", "RequestFails")
    assert says(conditions["Progressing"]) == ("True", "RequestFails")
    assert found["url"] == SERVED["url"]
    _, conditions = told(verdict=why)
    assert says(conditions["Ready"]) == ("False", "NotAccepted")


RESTORING = Told("Ready", "False", "Restoring", "waits for the archive")


def test_what_is_told_of_backups_and_a_restore_is_in_the_status_before_ready() -> None:
    healthy = Told("BackupHealthy", "True", "Healthy", "the last good backup is acme-1")
    backed = Backed(ProtectionStatus(last_good="acme-1", count=3), None, (healthy,), RESTORING)
    found, conditions = told(stateful_set(readyReplicas=0), claim(), backed=backed)
    assert found["backup"] == {"lastGood": "acme-1", "count": 3}
    assert "restore" not in found
    assert says(conditions["BackupHealthy"]) == ("True", "Healthy")
    assert says(conditions["Ready"]) == ("False", "Restoring")
    assert list(conditions)[-1] == "Ready"


def test_a_store_that_cannot_start_waits_for_no_archive() -> None:
    pulling = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no"}}}
    _, conditions = told(stateful_set(readyReplicas=0), pod(0, pulling), backed=Backed(restoring=RESTORING))
    assert says(conditions["Ready"]) == ("False", "ImageUnavailable")


def test_a_store_that_answers_is_ready_whatever_is_restored() -> None:
    _, conditions = told(stateful_set(), claim(), backed=Backed(restoring=RESTORING))
    assert says(conditions["Ready"]) == ("True", "Serving")
