"""`vectorstore backup`, `restore` and `backups`, at a folder and at a bucket."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyrage
import pytest
from tests.support.buckets import ACCESS_KEY, SECRET_KEY, Bucket
from tests.support.machine import CLI, Machine, manifest


@dataclass(frozen=True)
class Reaching(Machine):
    """A machine whose user has keys to a bucket."""

    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {name: value for name, value in super().environ.items() if not name.startswith("AWS_")} | self.variables


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    bucket = Bucket(tmp_path_factory.mktemp("s3")).start()
    yield bucket
    bucket.kill()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, bucket: Bucket) -> Iterator[Reaching]:
    variables = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_ENDPOINT_URL": bucket.url,
    }
    machine = Reaching(tmp_path_factory.mktemp("machine") / "home", variables)
    machine.up(manifest())
    yield machine
    machine.run("down", "--all")


def ids(machine: Machine) -> list[str]:
    return sorted(machine.chroma().get_collection("some", embedding_function=None).get()["ids"])


def write(machine: Machine, *names: str) -> None:
    some = machine.chroma().get_or_create_collection("some", embedding_function=None)
    some.upsert(ids=list(names), embeddings=[[1.0, 2.0, 3.0]] * len(names))


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_store_comes_back_as_it_was(machine: Machine, tmp_path: Path, kind: str) -> None:
    where = str(tmp_path / "backups") if kind == "folder" else f"s3://{Bucket.name}/machine"
    write(machine, "a", "b")
    before = ids(machine)
    made = machine.run("backup", "acme", "--to", where)
    assert "proven: " in made.stderr
    write(machine, f"later-{kind}")
    asked = machine.run("restore", "acme", "--from", where, code=2)
    assert "--yes" in asked.stderr
    done = machine.run("restore", "acme", "--from", where, "--yes")
    assert "proven: " in done.stderr
    assert ids(machine) == before
    (told,) = json.loads(machine.run("backups", "acme", "--in", where, "-o", "json").stdout)
    assert (told["name"], told["documents"], told["encrypted"]) == (made.stdout.strip(), len(before), False)
    assert told["verified"]["documents"] == len(before)
    assert "acme" in machine.run("backups", "--in", where).stdout
    assert "no backups of other" in machine.run("backups", "other", "--in", where).stderr


def test_an_encrypted_one_wants_its_key(machine: Machine, tmp_path: Path) -> None:
    where, key, other = str(tmp_path / "backups"), tmp_path / "key", tmp_path / "other"
    for file in (key, other):
        file.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    write(machine, "a")
    arguments = ("backup", "acme", "--to", where, "--as", "sealed", "--encryption-key")
    told = json.loads(machine.run(*arguments, str(key), "-o", "json").stdout)
    assert (told["name"], told["encrypted"]) == ("sealed", True)
    assert "there is a backup sealed already" in machine.run(*arguments, str(key), code=1).stderr
    restore = ("restore", "acme", "--from", where, "--yes")
    assert "encryption-key: missing" in machine.run(*restore, code=1).stderr
    assert "WrongKey" in machine.run(*restore, "--encryption-key", str(other), code=1).stderr
    write(machine, "after")
    assert "after" in ids(machine)  # what was refused has changed nothing
    machine.run(*restore, "--encryption-key", str(key))
    assert "after" not in ids(machine)


def test_what_cannot_be_is_told(machine: Reaching, tmp_path: Path) -> None:
    where = str(tmp_path / "backups")
    assert "there is no store 'nobody'" in machine.run("backup", "nobody", "--to", where, code=1).stderr
    assert "make the bucket" in machine.run("backup", "acme", "--to", "s3://no-such-bucket/x", code=1).stderr
    assert "s3://BUCKET/PREFIX is wanted" in machine.run("backups", "--in", "gs://a/b", code=1).stderr
    assert "bucket: 'A'" in machine.run("backups", "--in", "s3://A", code=1).stderr
    assert "make it, or name another" in machine.run("backups", "--in", where, code=1).stderr
    (tmp_path / "backups").mkdir()
    assert "there is no backup of acme" in machine.run("restore", "acme", "--from", where, "--yes", code=1).stderr
    called = machine.run("backup", "acme", "--to", where, "--as", "../up", code=1).stderr
    assert called.startswith("Error: backup: names: '../up'")
    (no_text := tmp_path / "key").write_bytes(b"\xff\xfe")
    sealed = ("backup", "acme", "--to", where, "--encryption-key", str(no_text))
    assert "it is no text" in machine.run(*sealed, code=1).stderr
    stranger = Reaching(machine.home, {})
    assert "AWS_ACCESS_KEY_ID is not set" in stranger.run("backups", "--in", "s3://abc", code=1).stderr
    wrong = Reaching(machine.home, machine.variables | {"AWS_SECRET_ACCESS_KEY": "wrong"})
    refused = wrong.run("backups", "--in", f"s3://{Bucket.name}", code=1).stderr
    assert "SignatureDoesNotMatch" in refused


def test_stores_of_one_name_are_told_apart(machine: Machine, tmp_path: Path) -> None:
    where = tmp_path / "backups"
    write(machine, "a")
    first = json.loads(machine.run("backup", "acme", "--to", str(where), "--no-verify", "-o", "json").stdout)
    of = f"{first['cluster']}/{first['namespace']}/{first['uid']}"
    there = where / first["cluster"] / first["namespace"]
    (there / "another").mkdir()
    content = json.dumps(first | {"uid": "another"})
    (there / "another" / f"{first['name']}.json").write_text(content)
    refused = machine.run("restore", "acme", "--from", str(where), "--yes", code=1).stderr
    assert f"say --of: {of[: of.rindex('/')]}/acme, " in refused
    machine.run("restore", "acme", "--from", str(where), "--of", of, "--yes")


def test_without_the_extra_it_says_what_to_install(machine: Machine, tmp_path: Path) -> None:
    """As on a machine that has what stores need, and no more."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['obstore'] = None\n")
    environ = machine.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    command = [*CLI, "backups", "--in", str(tmp_path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, "[cli,instance,backup]" in done.stderr) == (1, True), done.stderr
