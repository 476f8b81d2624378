"""The contract of backup jobs: what may be said, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from vectorstore_instance.backup.__main__ import short
from vectorstore_instance.backup.failure import Failure
from vectorstore_instance.backup.given import read
from vectorstore_instance.backup.job import S3, Destination, Folder, Job, Store
from vectorstore_instance.backup.result import MESSAGE, Info, Result, Verified
from vectorstore_instance.backup.trouble import told

STORE = Store(cluster="here", namespace="tenants", uid="1", name="acme")
FOLDER = Destination(folder=Folder())
URL = "http://acme-0.acme-headless.tenants.svc:9090"


def job(**fields: Any) -> Job:
    return Job(**{"store": STORE, "destination": FOLDER} | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"verb": "backup", "names": ("a",), "url": URL, "encrypt": True, "run": "a-uid"},
        {"verb": "verify", "names": ("a",)},
        {"verb": "verify", "object": "here/tenants/1/a.00000000.tar.zst.age"},
        {"verb": "restore", "object": "a.tar.zst", "url": URL, "store": None},
        {"verb": "delete", "names": tuple(f"b{n}" for n in range(1000))},
        {"verb": "list"},
        {"verb": "list", "store": None},
    ],
)
def test_what_is_said_comes_through_json(fields: dict[str, Any]) -> None:
    said = job(**fields)
    assert Job.model_validate_json(said.model_dump_json(by_alias=True, exclude_none=True)) == said


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"verb": "backup", "names": ("a",)}, "url: missing"),
        ({"verb": "backup", "names": (), "url": URL}, "names: 0, and backup takes 1"),
        ({"verb": "verify", "names": ("a", "b")}, "names: 2, and verify takes 1"),
        ({"verb": "delete"}, "names: 0, and delete takes 1 to 1000"),
        ({"verb": "list", "names": ("a",)}, "names: 1, and list takes 0"),
        ({"verb": "verify", "names": ("a",), "store": None}, "store: missing"),
        ({"verb": "delete", "names": ("a",), "object": "a.tar.zst"}, "object: it stands for names"),
        ({"verb": "verify", "names": ("a",), "destination": {}}, "give one of s3 and folder"),
    ],
)
def test_what_does_not_go_together_is_told(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        job(**fields)


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", ".hidden", "-a", "a b", "a\n", "a" * 254, "ü", "a#1"])
def test_no_name_leads_anywhere_else(name: str) -> None:
    with pytest.raises(ValidationError):
        job(verb="verify", names=(name,))
    with pytest.raises(ValidationError):
        STORE.model_validate(STORE.model_dump() | {"uid": name})
    with pytest.raises(ValidationError):
        job(verb="verify", object=f"{name}/../x.tar.zst")


@pytest.mark.parametrize("prefix", ["/a", "a/", "a//b", "../a", "a/../b"])
def test_no_prefix_leads_anywhere_else(prefix: str) -> None:
    with pytest.raises(ValidationError):
        S3(bucket="backups", prefix=prefix)


def test_an_endpoint_holds_no_password() -> None:
    with pytest.raises(ValidationError):
        S3(bucket="backups", endpoint="https://user:password@s3.example.com")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("{", "Invalid JSON"),
        ('{"verb": "lost"}', "verb"),
        ('{"verb": "list", "destination": {"s3": {"bucket": "b!"}}}', "destination: s3: bucket"),
        ('{"verb": "list", "destination": {"folder": {}}, "more": 1}', "more"),
    ],
)
def test_a_wrong_job_names_the_field(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "job.json").write_text(content)
    with pytest.raises(Failure, match=says) as failed:
        read(tmp_path)
    assert failed.value.reason == "Invalid"


def test_a_result_has_room_in_a_termination_message() -> None:
    now = datetime.now(UTC)
    verified = Verified(at=now, seconds=1, collections=1, documents=10**9, questions=5, recall=1, mended=20)
    info = Info.model_validate(
        {
            "format": 1,
            "name": "n" * 253,
            "object": "o" * 800,
            "cluster": "c" * 63,
            "namespace": "n" * 63,
            "uid": "u" * 63,
            "store": "s" * 63,
            "run": "r" * 64,
            "taken": now,
            "finished": now,
            "sequence": 10**12,
            "collections": 10**5,
            "documents": 10**9,
            "bytes": 10**15,
            "size": 10**15,
            "sha256": "0" * 64,
            "encrypted": True,
            "release": "1.0.0",
            "chromadb": "1.5.9",
            "model": "m" * 128,
            "dimension": 4096,
            "precision": "fp32",
            "pauseSeconds": 0.123456,
            "verified": verified,
        }
    )
    result = Result(
        verb="verify",
        ok=False,
        reason="Differs",
        message="ü" * MESSAGE,
        seconds=1.0,
        backup=info,
        verified=verified,
    )
    told = short(result)
    assert len(told) <= 4096
    kept = Result.model_validate_json(told)
    assert kept.message
    assert kept == result.model_copy(update={"message": kept.message})


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (OSError("status code: 400 <Error><Code>ExpiredToken</Code></Error>"), "WrongCredentials"),
        (OSError("status code: 403 Forbidden: "), "WrongCredentials"),
        (PermissionError(13, "Permission denied"), "WrongCredentials"),
        (OSError("status code: 404 <Code>NoSuchBucket</Code>"), "NoSuchBucket"),
        (OSError("status code: 301 <Code>PermanentRedirect</Code>"), "Invalid"),
        (OSError("status code: 507 <Code>XMinioStorageFull</Code>"), "DestinationFull"),
        (OSError(28, "No space left on device"), "DestinationFull"),
        (OSError("status code: 503 <Code>SlowDown</Code>"), "DestinationAway"),
        (OSError("error sending request"), "DestinationAway"),
    ],
)
def test_what_a_destination_says_has_a_reason(problem: OSError, reason: str) -> None:
    with pytest.raises(Failure) as failed, told("s3://backups/"):
        raise problem
    assert failed.value.reason == reason
    assert failed.value.message.startswith("s3://backups/: ")


def test_of_an_answer_only_code_and_message_are_told() -> None:
    body = (
        "status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code><Message>It does not match.</Message>"
        "<AWSAccessKeyId>an-id</AWSAccessKeyId><StringToSign>secret</StringToSign></Error>\n\nDebug source:\nan-id"
    )
    with pytest.raises(Failure) as failed, told("here"):
        raise OSError(body)
    assert "SignatureDoesNotMatch (It does not match.)" in failed.value.message
    assert "an-id" not in failed.value.message
    assert "secret" not in failed.value.message
