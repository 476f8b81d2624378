"""Whatever is killed while a backup is made: there is a whole one afterwards, or none, and the job says which."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from tests.support.backups import AT, Jobs, of_bucket, of_folder
from tests.support.buckets import Bucket
from tests.support.instances import wait_until
from tests.support.senders import MIB, Sender, noise, sending

LARGE = 80 * MIB
"""Several parts of an upload, and more than may be under way inside a job."""


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> tuple:  # type: ignore[type-arg]
    return noise(tmp_path_factory.mktemp("noise") / "files", LARGE)


@pytest.fixture
def sender(archived: tuple) -> Iterator[Sender]:  # type: ignore[type-arg]
    with sending(Sender(*archived)) as found:
        yield found


@pytest.fixture
def jobs(tmp_path: Path, bucket: Bucket) -> Jobs:
    made = of_bucket(tmp_path, bucket)
    made.secrets |= {"token": "a-token", "encryption-key": str(pyrage.x25519.Identity.generate())}
    return made


@pytest.mark.parametrize("encrypt", [False, True])
def test_a_server_that_is_killed_and_comes_back_gets_the_whole(
    jobs: Jobs, bucket: Bucket, sender: Sender, encrypt: bool
) -> None:
    job = jobs.begin("backup", "first", url=sender.url, encrypt=encrypt, patience_seconds=60)
    wait_until(lambda: bool(bucket.uploads()))
    bucket.kill()
    sender.go_on.set()
    bucket.start()
    made = job.result()
    assert made.reason == "Done", made
    assert made.backup is not None
    assert made.backup.size == (bucket.path / made.backup.object).stat().st_size > LARGE
    assert sender.asked == 1


def test_a_server_that_stays_away_leaves_no_backup(jobs: Jobs, bucket: Bucket, sender: Sender) -> None:
    job = jobs.begin("backup", "first", url=sender.url, patience_seconds=2)
    wait_until(lambda: bool(bucket.uploads()))
    bucket.kill()
    sender.go_on.set()
    ended = job.result()
    assert (ended.reason, ended.transient) == ("DestinationAway", True), ended
    assert sender.asked == 1  # a snapshot is not taken again for it
    assert bucket.objects() == []
    bucket.start()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_job_that_is_told_to_end_leaves_nothing(
    jobs: Jobs, bucket: Bucket, sender: Sender, how: signal.Signals
) -> None:
    job = jobs.begin("backup", "first", url=sender.url)
    wait_until(lambda: bool(bucket.uploads()))
    job.process.send_signal(how)
    ended = job.result()
    assert (ended.reason, ended.transient) == ("Interrupted", True), ended
    assert (bucket.objects(), bucket.uploads()) == ([], [])


def test_the_next_job_makes_what_a_killed_one_could_not(jobs: Jobs, bucket: Bucket, sender: Sender) -> None:
    job = jobs.begin("backup", "first", url=sender.url, run="a-run")
    wait_until(lambda: bool(bucket.uploads()))
    job.process.kill()
    job.process.communicate()
    assert bucket.objects() == []
    assert jobs.run("list").found == 0
    sender.go_on.set()
    assert jobs.run("backup", "first", url=sender.url, run="a-run").reason == "Done"


def test_a_run_that_was_killed_before_it_could_describe_what_it_stored_leaves_nothing_behind(
    jobs: Jobs, bucket: Bucket, sender: Sender
) -> None:
    sender.go_on.set()
    assert jobs.run("backup", "first", url=sender.url, run="a-run", encrypt=True).reason == "Done"
    (bucket.path / f"all/{AT}/first.json").unlink()
    assert jobs.run("list").found == 0
    again = jobs.run("backup", "first", url=sender.url, run="a-run").backup
    assert again is not None
    assert bucket.objects() == sorted([again.object, f"all/{AT}/first.json"])


def test_a_backup_is_never_written_over(jobs: Jobs, bucket: Bucket, sender: Sender) -> None:
    """Two jobs of one name: the one that comes later finds the other's backup, which is its own if the run is."""
    runs = {run: jobs.begin("backup", "first", url=sender.url, run=run) for run in ("a-run", "another")}
    wait_until(lambda: sender.asked == 2)
    sender.go_on.set()
    results = {run: job.result() for run, job in runs.items()}
    assert sorted(result.reason for result in results.values()) == ["Done", "Exists"]
    (won,) = [run for run, result in results.items() if result.ok]
    made = results[won].backup
    assert made is not None
    assert bucket.objects() == sorted([made.object, f"all/{AT}/first.json"])
    for run in ("a-run", "another", ""):
        again = jobs.run("backup", "first", url=sender.url, run=run)
        assert (again.reason, again.backup) == (("Done", made) if run == won else ("Exists", None))
    assert sender.asked == 2


def test_an_instance_that_breaks_off_is_asked_again(jobs: Jobs, bucket: Bucket, sender: Sender) -> None:
    sender.breaks = 1
    sender.go_on.set()
    sender.refusals = [(503, {"retry-after": "0"}, "starting"), (409, {}, "a vacuum runs")]
    assert jobs.run("backup", "first", url=sender.url).reason == "Done"
    assert sender.asked == 4


def test_an_instance_that_always_breaks_off_leaves_no_backup(jobs: Jobs, bucket: Bucket, sender: Sender) -> None:
    sender.breaks = 1000
    ended = jobs.run("backup", "first", url=sender.url, patience_seconds=1)
    assert (ended.reason, ended.transient) == ("StoreAway", True), ended
    assert "first" not in "".join(bucket.objects())
    sender.refusals = [(507, {}, "no room for a snapshot")]
    assert jobs.run("backup", "first", url=sender.url).reason == "DiskFull"
    sender.refusals = [(401, {}, "the admin key is required")]
    assert jobs.run("backup", "first", url=sender.url).reason == "StoreRefused"
    assert jobs.run("backup", "first", url="http://127.0.0.1:1", patience_seconds=1).reason == "StoreAway"


def test_a_killed_job_leaves_a_folder_that_the_next_one_cleans(tmp_path: Path, sender: Sender) -> None:
    there = tmp_path / "there"
    there.mkdir()
    jobs = of_folder(tmp_path, there)
    jobs.secrets["token"] = "a-token"

    def files() -> list[Path]:
        return [path for path in there.rglob("*") if path.is_file()]

    job = jobs.begin("backup", "first", url=sender.url)
    wait_until(lambda: bool(files()))
    job.process.kill()
    job.process.communicate()
    assert jobs.run("list").found == 0
    sender.go_on.set()
    assert jobs.run("backup", "first", url=sender.url).reason == "Done"
    assert len(files()) == 2
