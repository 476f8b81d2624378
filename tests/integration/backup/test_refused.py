"""Destinations that refuse, are not there or are not trusted; and what a job says of it, without a secret."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme
from tests.support.backups import AT, STORE, Jobs, of_bucket, of_folder
from tests.support.buckets import Bucket
from tests.support.faults import FaultProxy
from tests.support.instances import Running
from tests.support.volumes import small

from vectorstore_instance.backup import catalogue
from vectorstore_instance.backup.given import read
from vectorstore_instance.backup.storage import Storage


@pytest.mark.parametrize(
    ("secrets", "fields", "reason", "says"),
    [
        ({"secret-access-key": "wrong"}, {}, "WrongCredentials", "SignatureDoesNotMatch"),
        ({"access-key-id": "nobody"}, {}, "WrongCredentials", "XAdminUserNotFound"),
        ({"session-token": "expired"}, {}, "WrongCredentials", "InvalidToken"),
        ({}, {"bucket": "no-such-bucket"}, "NoSuchBucket", "make the bucket"),
        ({}, {"region": "eu-north-1"}, "Invalid", "region"),
        ({}, {"endpoint": "http://127.0.0.1:1"}, "DestinationAway", "can be reached"),
    ],
)
def test_what_is_wrong_with_a_bucket_is_told(
    tmp_path: Path,
    server: Bucket,
    source: Running,
    secrets: dict[str, str],
    fields: dict[str, str],
    reason: str,
    says: str,
) -> None:
    jobs = of_bucket(tmp_path, server, **fields)
    jobs.secrets |= secrets
    for verb, names in (("backup", ["first"]), ("list", []), ("delete", ["first"])):
        ended = jobs.run(verb, *names, running=source if verb == "backup" else None, patience_seconds=1)
        assert (ended.reason, says in ended.message) == (reason, True), ended
        assert "Debug" not in ended.message


def test_what_is_missing_is_told_before_anybody_is_asked(tmp_path: Path, server: Bucket, source: Running) -> None:
    jobs = of_bucket(tmp_path, server, prefix="missing")
    jobs.secrets.pop("secret-access-key")
    assert "secret-access-key: missing" in jobs.run("list").message
    jobs = of_bucket(tmp_path, server, prefix="missing", sse="sse-c")
    assert "sse-c-key: missing" in jobs.run("list").message
    jobs = of_bucket(tmp_path, server, prefix="missing")
    assert "encryption-key: missing" in jobs.run("backup", "first", running=source, encrypt=True).message


def test_an_instance_that_refuses_is_told(tmp_path: Path, source: Running) -> None:
    jobs = of_folder(tmp_path, tmp_path)
    job = jobs.begin("backup", "first", running=source, patience_seconds=1)
    assert job.result().ok
    jobs.secrets["token"] = "not-its-key"
    assert jobs.run("backup", "second", url=source.management_url).reason == "StoreRefused"
    held = jobs.run("restore", "first", running=source)
    assert (held.reason, "holds data" in held.message) == ("StoreRefused", True), held


def test_a_certificate_counts_where_its_authority_is_given(tmp_path: Path, source: Running) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain", tmp_path / "key"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    (tmp_path / "s3").mkdir()
    bucket = Bucket(tmp_path / "s3", certificate=(chain, key)).start()
    try:
        jobs = of_bucket(tmp_path, bucket)
        ended = jobs.run("list", patience_seconds=1)
        assert (ended.reason, "trusted" in ended.message) == ("DestinationAway", True), ended
        jobs.secrets["ca.crt"] = authority.cert_pem.bytes().decode()
        assert jobs.run("backup", "first", running=source).reason == "Done"
        assert jobs.run("verify", "first").reason == "Done"
    finally:
        bucket.kill()


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({"sse": "AES256"}, b"x-amz-server-side-encryption: aes256"),
        ({"sse": "aws:kms", "kms_key_id": "a-key"}, b"x-amz-server-side-encryption-aws-kms-key-id: a-key"),
        ({"sse": "sse-c"}, b"x-amz-server-side-encryption-customer-key: "),
    ],
)
async def test_encryption_by_the_server_is_asked_for(
    tmp_path: Path, server: Bucket, source: Running, fields: dict[str, str], header: bytes
) -> None:
    async with FaultProxy(server.url) as proxy:
        jobs = of_bucket(tmp_path, server, endpoint=proxy.url, prefix=tmp_path.name, **fields)
        jobs.secrets["sse-c-key"] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
        made = await asyncio.to_thread(jobs.run, "backup", "first", running=source)
    assert made.reason == "Done", made
    assert header in proxy.seen.lower()


def test_a_full_folder_takes_nothing(tmp_path: Path, source: Running) -> None:
    with small(tmp_path / "volume", 1 << 20) as mounted:
        if not mounted:
            pytest.skip("needs root, to mount a tmpfs")
        jobs = of_folder(tmp_path, tmp_path / "volume")
        (tmp_path / "volume" / "ballast").write_bytes(bytes(1 << 20))
        ended = jobs.run("backup", "first", running=source)
        assert ended.reason == "DestinationFull", ended
        (tmp_path / "volume" / "ballast").unlink()
        assert jobs.run("backup", "first", running=source).ok


def test_a_drill_without_room_is_told(tmp_path: Path, source: Running) -> None:
    with small(tmp_path / "volume", 1 << 20) as mounted:
        if not mounted:
            pytest.skip("needs root, to mount a tmpfs")
        (tmp_path / "there").mkdir()
        jobs = of_folder(tmp_path, tmp_path / "there")
        assert jobs.run("backup", "first", running=source).ok
        (tmp_path / "volume" / "ballast").write_bytes(bytes(900 << 10))
        ended = jobs.run("verify", "first", scratch=tmp_path / "volume")
        assert (ended.reason, "room" in ended.message) == ("DiskFull", True), ended
        assert {path.name for path in (tmp_path / "volume").iterdir()} == {"ballast"}


def test_a_thousand_backups_are_listed_and_deleted(jobs: Jobs, source: Running) -> None:
    first = jobs.run("backup", "b0", running=source).backup
    assert first is not None
    job = jobs.begin("list")
    assert job.result().found == 1
    storage = Storage(read(job.folder))
    for n in range(1, 1000):
        info = first.model_copy(update={"name": f"b{n}", "object": f"{AT}/b{n}.00000000.tar.zst"})
        storage.write(storage.at(info.object), b"archive")
        catalogue.write(storage, STORE, info)
    listing = jobs.begin("list")
    assert listing.result().found == 1000
    assert {info.name for info in listing.infos()} == {f"b{n}" for n in range(1000)}
    assert jobs.run("delete", *(f"b{n}" for n in range(1, 1000))).deleted == 999
    listing = jobs.begin("list")
    assert listing.result().found == 1
    assert sorted(storage.list(storage.at(AT))) == sorted([first.object, catalogue.info_path(storage, STORE, "b0")])
