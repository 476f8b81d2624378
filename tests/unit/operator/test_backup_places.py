"""Where backups go: by the plan, by the store where the plan lets it, and with which keys."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.desired import PLATFORM, SHIPPED, sized, store

from vectorstore_operator.api.backup import PlanBackup, StoreBackup
from vectorstore_operator.api.destination import OwnDestination
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.restore import Restore
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.backups import places
from vectorstore_operator.backups.places import Place, place_by, place_for, place_of
from vectorstore_operator.objects import Object
from vectorstore_operator.refusal import Refusal
from vectorstore_operator.render.pod import pod_spec
from vectorstore_operator.rollout.edition import plan_digest

S3 = {"s3": {"bucket": "backups", "prefix": "here", "region": "eu-north-1"}, "secretName": "keys"}
OWN: dict[str, Any] = {"s3": {"bucket": "mine", "endpoint": "https://s3.example.com"}, "secretName": "mine"}
"""A tenant's."""


def plan(**backup: Any) -> PlanBackup:
    return PlanBackup.model_validate(backup)


def own(endpoint: str | None) -> OwnDestination:
    s3 = {"bucket": "mine"} | ({"endpoint": endpoint} if endpoint else {})
    return OwnDestination.model_validate(OWN | {"s3": s3})


def found(place: Place | Refusal) -> Place:
    assert isinstance(place, Place), place
    return place


def refused(place: object) -> str:
    assert isinstance(place, Refusal), place
    return place.reason


def test_a_plans_place_is_that_of_its_stores() -> None:
    place = found(place_by(None, "standard", plan(destination=S3)))
    assert (place.own, place.claim, place.encrypt) == (None, None, False)
    assert places.shown(place) == "s3://backups/here"
    s3 = places.job_destination(place).s3
    assert s3 is not None
    assert (s3.bucket, s3.prefix, s3.region) == ("backups", "here", "eu-north-1")
    assert places.secret_of(place, "system", "tenants") == ("system", "keys")


def test_a_claim_is_a_folder_to_its_jobs() -> None:
    place = found(place_by(None, "standard", plan(destination={"claim": {"name": "nas", "prefix": "a/b"}})))
    folder = places.job_destination(place).folder
    assert folder is not None
    assert (place.claim, folder.prefix, places.shown(place)) == ("nas", "a/b", "claim:nas/a/b")
    assert places.secret_of(place, "system", "tenants") is None


@pytest.mark.parametrize("given", [None, plan(), plan(schedule="0 3 * * *")])
def test_without_a_place_there_is_none(given: PlanBackup | None) -> None:
    assert refused(place_by(None, "standard", given)) == "NoDestination"


@pytest.mark.parametrize(
    ("endpoint", "endpoints", "goes"),
    [
        ("https://s3.example.com", ["https://s3.example.com"], True),
        ("https://s3.example.com", ["*"], True),
        ("https://s3.example.com", None, False),
        ("https://s3.example.com.evil.org", ["https://s3.example.com"], False),
        (None, ["https://s3.amazonaws.com"], True),
        (None, ["https://s3.example.com"], False),
        ("http://minio.storage.svc:9000", ["*"], False),
        ("http://minio.storage.svc:9000", ["http://minio.storage.svc:9000"], True),
        ("http://169.254.169.254", ["*"], False),
        ("http://127.1", ["*"], False),
    ],
)
def test_a_store_names_a_bucket_of_its_own_where_the_plan_lets_it(
    endpoint: str | None, endpoints: list[str] | None, goes: bool
) -> None:
    place = place_by(own(endpoint), "standard", plan(destination=S3, endpoints=endpoints))
    if goes:
        assert places.secret_of(found(place), "system", "tenants") == ("tenants", "mine")
    else:
        assert refused(place) == "EndpointNotAllowed"


def test_a_backup_is_where_its_plan_is_now() -> None:
    @dataclass
    class Kept:
        plan: str | None = "standard"
        own: OwnDestination | None = None

    moved = {"spec": {"backup": {"destination": {"s3": {"bucket": "moved"}}}}}
    assert places.shown(found(place_of(Kept(), lambda name: moved if name == "standard" else None))) == "s3://moved"
    assert refused(place_of(Kept(plan="gone"), lambda _: None)) == "PlanNotFound"
    assert refused(place_of(Kept(plan=None), lambda _: moved)) == "NoDestination"
    assert refused(place_of(Kept(), lambda _: {"spec": {"backup": {"schedule": "never"}}})) == "PlanInvalid"
    assert refused(place_of(Kept(own=own("https://s3.example.com")), lambda _: moved)) == "EndpointNotAllowed"


class Secrets:
    """An API server that has one Secret."""

    def __init__(self, **entries: str) -> None:
        self.entries = entries

    async def get(self, *_: object) -> Object | None:
        data = {name.replace("_", "-"): base64.b64encode(text.encode()).decode() for name, text in self.entries.items()}
        return {"data": data} if data else None


KEYS = {"access_key_id": "a", "secret_access_key": "b"}


@pytest.mark.parametrize(
    ("stated", "entries", "missing"),
    [
        (S3, KEYS, ""),
        (S3, {}, "no Secret"),
        (S3, {"access_key_id": "a"}, "secret-access-key"),
        (S3, {"ca_crt": "c"}, ""),  # the nodes' role
        (S3 | {"encrypt": True}, KEYS, "encryption-key"),
        (S3 | {"encrypt": True}, KEYS | {"encryption_key": "AGE"}, ""),
        (OWN, {"ca_crt": "c"}, "access-key-id"),  # the nodes' role is not a tenant's
        (OWN, KEYS | {"unknown": "x"}, ""),
    ],
)
async def test_the_keys_to_a_place_are_all_there_or_the_missing_one_is_named(
    stated: dict[str, Any], entries: dict[str, str], missing: str
) -> None:
    given = plan(destination=S3 if stated is OWN else stated, endpoints=["*"])
    place = found(place_by(OwnDestination.model_validate(stated) if stated is OWN else None, "standard", given))
    got = await places.secrets(Secrets(**entries), place, "system", "tenants")  # type: ignore[arg-type]
    if missing:
        assert isinstance(got, Refusal)
        assert got.reason == "SecretMissing"
        assert missing in got.message
    else:
        assert isinstance(got, dict)
        assert set(got) <= set(places.ENTRIES)


def test_data_of_another_server_is_not_backed_up_by_a_store() -> None:
    remote = {"remote": {"url": "https://chroma.example.com"}}
    spec = StoreSpec.model_validate({"engine": remote})
    assert refused(place_for(spec, "standard", PlanSpec.model_validate({"documents": 1}))) == "EngineElsewhere"
    for field in ({"backup": {}}, {"restoreFrom": {"backup": {"name": "a"}}}):
        with pytest.raises(ValidationError, match=r"engine\.remote"):
            StoreSpec.model_validate({"engine": remote} | field)


@pytest.mark.parametrize("text", ["0 3 * * *", "*/15 1-5 * JAN-MAR MON", "0 0 L * *"])
def test_a_schedule_that_comes_true_is_taken(text: str) -> None:
    assert StoreBackup(schedule=text).schedule == text


@pytest.mark.parametrize("text", ["61 3 * * *", "0 3 31 2 *", "0 0 3 * * *", "never at all x y"])
def test_a_schedule_that_never_comes_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValidationError, match="five fields of cron"):
        StoreBackup(schedule=text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"destination": S3 | {"claim": {"name": "nas"}}},
        {"destination": {}},
        {"destination": {"s3": {"bucket": "backups", "kmsKeyId": "k"}}},
        {"destination": {"s3": {"bucket": "backups"}, "encrypt": True}},
        {"timeZone": "Mars/Olympus"},
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        plan(**wrong)


def test_a_restore_has_one_source() -> None:
    with pytest.raises(ValidationError, match="either backup or object"):
        Restore.model_validate({"request": "1"})


def test_backups_are_nothing_that_stores_are_made_from() -> None:
    spec = SHIPPED["standard"]
    backed = spec | {"backup": {"destination": S3, "schedule": "0 3 * * *"}}
    assert plan_digest("p", PlanSpec.model_validate(spec)) == plan_digest("p", PlanSpec.model_validate(backed))
    assert pod_spec(store(sized("p", spec)), PLATFORM) == pod_spec(store(sized("p", backed)), PLATFORM)


def test_only_a_store_that_begins_with_a_backup_waits_for_one() -> None:
    def waits(**spec: Any) -> bool:
        (container,) = pod_spec(store(**spec), PLATFORM)["containers"]
        return {"name": "RESTORING", "value": "true"} in container["env"]

    assert waits(restoreFrom={"backup": {"name": "a"}})
    assert not waits()
    assert not waits(restore={"request": "1", "backup": {"name": "a"}})
