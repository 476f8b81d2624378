"""Editions and their marks, images and their versions, and the gate of new pods."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.desired import SHIPPED, sized

from vectorstore_operator import names
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.objects import Object
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.rollout import marks
from vectorstore_operator.rollout.edition import Edition, plan_digest
from vectorstore_operator.rollout.gate import gate
from vectorstore_operator.rollout.image import version_of, wanted_image
from vectorstore_operator.times import time

STARTED = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", SHIPPED)
def test_an_edition_is_read_as_it_was_written(name: str) -> None:
    edition = Edition(name, sized(name, SHIPPED[name]).spec, "repo:1")
    again = Edition.read(edition.written())
    assert again
    assert again.digest == edition.digest
    assert again.plan_digest == plan_digest(name, edition.spec)
    assert sized(name, json.loads(edition.written())["spec"]).memory == sized(name, SHIPPED[name]).memory


def test_who_may_have_a_plan_and_how_it_spreads_is_no_part_of_an_edition() -> None:
    policy = {"default": True, "allowedNamespaces": {"names": ["a"]}, "rollout": {"paused": True}, "versions": ["2"]}
    policy["maintenance"] = {"windows": [{"start": "22:00", "hours": 2}]}
    plain, ruled = (sized("small", {"documents": 10} | more).spec for more in ({}, policy))
    assert plan_digest("small", plain) == plan_digest("small", ruled)
    assert plan_digest("small", plain) != plan_digest("other", plain)
    in_force = Edition("small", plain, "repo:1").ruled_by(ruled)
    assert in_force.rollout.paused
    assert in_force.versions == ["2"]


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"plan": "x"}', '{"plan": "x", "image": "i", "spec": {"documents": 1, "later": 2}}']
)
def test_what_cannot_be_read_is_no_edition(text: str | None) -> None:
    assert Edition.read(text) is None


def test_marks_are_taken_from_the_copy_where_the_statefulset_has_none_that_can_be_read() -> None:
    store = {"metadata": {"name": "acme", "namespace": "tenants", "uid": "1"}}
    edition = Edition("small", sized("small", {"documents": 10}).spec, "repo:1")

    def child(kind: str, name: str, uid: str, **annotations: str) -> dict[tuple[str, str], Object]:
        owner = [{"uid": uid, "controller": True}]
        meta = {"name": name, "annotations": annotations, "ownerReferences": owner}
        return {(kind, name): {"kind": kind, "metadata": meta}}

    copy = child("ConfigMap", names.limits("acme"), "1", **marks.Marks(edition).annotations())
    found = marks.read(store, copy | child("StatefulSet", "acme", "1"))
    assert found
    assert found.edition.digest == edition.digest
    spoilt = child("StatefulSet", "acme", "1", **{marks.EDITION: "{"})
    assert marks.read(store, copy | spoilt) == found
    assert marks.read(store, spoilt) is None
    assert marks.read(store, child("StatefulSet", "acme", "1")) is None
    strangers = child("ConfigMap", names.limits("acme"), "2", **marks.Marks(edition).annotations())
    assert marks.read(store, strangers) is None


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("repo:1.2", "1.2"),
        ("host:5000/repo", "latest"),
        ("host:5000/a/repo:1", "1"),
        ("repo:1@sha256:abc", "1"),
        ("repo@sha256:abc", "sha256:abc"),
    ],
)
def test_a_version_is_what_an_image_is_called(image: str, version: str) -> None:
    assert version_of(image) == version


PINNED = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("version", "plan", "has", "image"),
    [
        (None, {}, (), "new/repo:2"),
        (None, {}, ("old/repo:1",), "old/repo:1"),
        (None, {"rollout": {"versions": "Automatic"}}, ("old/repo:1",), "new/repo:2"),
        ("1", {"rollout": {"versions": "Automatic"}}, ("old/repo:1",), "old/repo:1"),
        ("2", {}, ("old/repo:1",), "new/repo:2"),
        ("2", {}, ("old/repo:2",), "old/repo:2"),
        ("1", {}, ("old/repo:3", "old/repo:1"), "old/repo:1"),
        ("3", {"versions": ["3"]}, ("old/repo:1",), "new/repo:3"),
        (PINNED, {"versions": [PINNED]}, ("old/repo:1",), f"new/repo@{PINNED}"),
        (PINNED, {}, (f"old/repo@{PINNED}",), f"old/repo@{PINNED}"),
        ("3", {"versions": ["4"]}, ("old/repo:1",), None),
    ],
)
def test_which_image_is_wanted(version: str | None, plan: dict[str, Any], has: tuple[str, ...], image: str) -> None:
    StoreSpec.model_validate({"version": version})  # whatever a store may be told to ask for
    found = wanted_image(version, sized("small", {"documents": 10} | plan), "new/repo:2", has)
    if image is not None:
        assert found == image
        return
    assert isinstance(found, Refusal)
    assert found.reason == "VersionNotAllowed"
    assert "spec.version: '3'" in found.message
    assert "1, 2, 4" in found.message


def stateful_set(revision: str = "new", seen: int = 2, **status: Any) -> Object:
    counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 0, "observedGeneration": seen}
    return {
        "metadata": {"name": "acme", "generation": 2},
        "spec": {"replicas": 1},
        "status": counts | {"currentRevision": "old", "updateRevision": revision} | status,
    }


def pod(revision: str = "new", waiting: str = "", restarts: int = 0, answers: datetime | None = None) -> Object:
    labels = {"controller-revision-hash": revision}
    state = {"waiting": {"reason": waiting, "message": "so it is"}} if waiting else {"running": {}}
    return {
        "metadata": {"name": "acme-0", "namespace": "tenants", "labels": labels},
        "status": {
            "containerStatuses": [{"state": state, "restartCount": restarts, "lastState": {}}],
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": time(answers)}] if answers else [],
        },
    }


UNTIL = STARTED + timedelta(seconds=180)
READY: dict[str, Any] = {"readyReplicas": 1, "currentRevision": "new"}


@pytest.mark.parametrize(
    ("live", "pods", "after", "found"),
    [
        (stateful_set(**READY), [pod()], 10, None),
        (stateful_set(**READY), [pod()], 1000, None),
        (stateful_set(**READY, seen=1), [pod()], 10, UNTIL),
        (stateful_set(readyReplicas=1), [pod()], 10, UNTIL),
        (stateful_set(), [pod()], 10, UNTIL),
        (stateful_set(), [pod()], 180, "did not answer within 180 s"),
        (stateful_set(), [pod(waiting="ImagePullBackOff")], 10, "ImagePullBackOff: so it is"),
        (stateful_set(), [pod(waiting="InvalidImageName")], 10, "InvalidImageName: so it is"),
        (stateful_set(), [pod("old", waiting="ImagePullBackOff")], 10, UNTIL),
        (stateful_set(seen=1), [pod(waiting="ImagePullBackOff")], 10, UNTIL),
        (stateful_set(), [pod(waiting="CrashLoopBackOff", restarts=2)], 10, UNTIL),
        (stateful_set(), [pod(waiting="CrashLoopBackOff", restarts=3)], 10, "restarted 3 times"),
        (None, [], 10, UNTIL),
        (None, [], 180, "there is no StatefulSet"),
    ],
)
def test_new_pods_prove_themselves_or_fail(live: Object | None, pods: list[Object], after: int, found: Any) -> None:
    verdict = gate(live, pods, 1, STARTED, STARTED + timedelta(seconds=after), 180)
    if isinstance(found, str):
        assert isinstance(verdict, str)
        assert found in verdict
    else:
        assert verdict == found


def test_pods_that_are_replaced_one_after_another_have_their_time_each() -> None:
    def after(seconds: int, *answered: int) -> datetime | str | None:
        new = [pod(answers=STARTED + timedelta(seconds=at)) for at in answered]
        live = stateful_set(replicas=3, updatedReplicas=len(new) + 1, readyReplicas=2)
        return gate(live, [*new, pod()], 3, STARTED, STARTED + timedelta(seconds=seconds), 180)

    def until(seconds: int) -> datetime:
        return STARTED + timedelta(seconds=seconds)

    assert after(179) == until(180)
    assert isinstance(after(180), str)
    assert after(200, 100) == until(280)
    assert isinstance(after(280, 100), str)
    assert after(400, 100, 250) == until(430)
    assert after(535, 100, 530) == until(540)  # one that answers time and again gains nothing
    assert isinstance(after(540, 100, 530), str)
