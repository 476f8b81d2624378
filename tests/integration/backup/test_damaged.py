"""Objects that were cut off, altered, exchanged or moved, and keys that do not fit: noticed, in proof and restore."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from tests.support.archives import state
from tests.support.backups import AT, STORE, Jobs, of_folder
from tests.support.instances import Running

from vectorstore_instance.backup.result import Info


def key() -> str:
    return str(pyrage.x25519.Identity.generate())


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def cut_one(content: bytes) -> bytes:
    return content[:-1]


def longer(content: bytes) -> bytes:
    return content + b"\0"


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def nothing(_: bytes) -> bytes:
    return b""


@pytest.fixture(scope="module")
def _there(tmp_path_factory: pytest.TempPathFactory, source: Running) -> Jobs:
    """A folder with a plain backup and an encrypted one."""
    folder = tmp_path_factory.mktemp("backups")
    (folder / "there").mkdir()
    jobs = of_folder(folder, folder / "there")
    jobs.secrets["encryption-key"] = key()
    assert jobs.run("backup", "plain", running=source).ok
    assert jobs.run("backup", "sealed", running=source, encrypt=True).ok
    return jobs


@pytest.fixture
def there(_there: Jobs, tmp_path: Path) -> tuple[Jobs, Path]:
    """A copy of them."""
    shutil.copytree(_there.folder / "there", tmp_path / "there")
    jobs = of_folder(tmp_path, tmp_path / "there")
    jobs.secrets |= _there.secrets
    return jobs, tmp_path / "there" / AT


def archive(at: Path, name: str) -> Path:
    (found,) = at.glob(f"{name}.*.tar.zst*")
    return found


@pytest.mark.parametrize("name", ["plain", "sealed"])
@pytest.mark.parametrize("damage", [cut, cut_one, longer, flipped, nothing])
def test_damage_is_noticed(there: tuple[Jobs, Path], name: str, damage: Callable[[bytes], bytes]) -> None:
    jobs, at = there
    file = archive(at, name)
    file.write_bytes(damage(file.read_bytes()))
    ended = jobs.run("verify", name)
    assert (ended.reason, ended.transient) == ("Corrupt", False), ended
    by_object = jobs.run("verify", object=str(file.relative_to(at.parents[2])))  # without its description
    assert by_object.reason == "Corrupt", by_object


def test_no_damage_is_restored(there: tuple[Jobs, Path], waiting: Running) -> None:
    jobs, at = there
    for name in ("plain", "sealed"):
        file = archive(at, name)
        whole = file.read_bytes()
        for damage in (flipped, cut_one):
            file.write_bytes(damage(whole))
            ended = jobs.run("restore", name, running=waiting)
            assert ended.reason == "Corrupt", ended
            assert jobs.run("restore", running=waiting, object=str(file.relative_to(at.parents[2]))).reason == "Corrupt"
            assert state(waiting)["phase"] == "waiting"
        file.write_bytes(whole)
    assert jobs.run("restore", "sealed", running=waiting).reason == "Done"


def test_a_key_that_does_not_fit_is_told_by_its_name(there: tuple[Jobs, Path], waiting: Running) -> None:
    jobs, _ = there
    right = jobs.secrets["encryption-key"]
    jobs.secrets["encryption-key"] = key()
    for verb, running in (("verify", None), ("restore", waiting)):
        ended = jobs.run(verb, "sealed", running=running)
        assert (ended.reason, "none of its 1 keys" in ended.message) == ("WrongKey", True), ended
    jobs.secrets["encryption-key"] = "no key"
    assert "line 1 is no age identity" in jobs.run("verify", "sealed").message
    del jobs.secrets["encryption-key"]
    assert jobs.run("verify", "sealed").reason == "Invalid"
    jobs.secrets["encryption-key"] = f"# the newest first\n{key()}\n{right}\n"
    assert jobs.run("verify", "sealed").reason == "Done"


def test_what_was_moved_or_renamed_is_noticed(there: tuple[Jobs, Path], waiting: Running) -> None:
    jobs, at = there
    info = Info.model_validate_json((at / "plain.json").read_bytes())
    (at / "other.json").write_text(info.model_copy(update={"name": "other"}).model_dump_json(by_alias=True))
    ended = jobs.run("verify", "other")
    assert (ended.reason, "/plain/" in ended.message) == ("WrongStore", True), ended
    theirs = STORE.model_copy(update={"uid": "another"})
    shutil.copytree(at, at.parent / "another")
    for verb, running in (("verify", None), ("restore", waiting)):
        assert jobs.run(verb, "plain", running=running, store=theirs).reason == "WrongStore"
    path = f"{theirs.path}/{archive(at, 'plain').name}"
    assert jobs.run("restore", running=waiting, object=path, store=None).reason == "Done"


def test_another_archive_in_its_place_is_noticed(there: tuple[Jobs, Path], source: Running) -> None:
    jobs, at = there
    assert jobs.run("backup", "later", running=source).ok
    shutil.copy(archive(at, "later"), archive(at, "plain"))
    assert jobs.run("verify", "plain").reason in ("Corrupt", "WrongStore")


@pytest.mark.parametrize("content", [b"", b"{}", b"no json"])
def test_a_description_that_is_none_is_noticed(there: tuple[Jobs, Path], content: bytes) -> None:
    jobs, at = there
    (at / "plain.json").write_bytes(content)
    ended = jobs.run("verify", "plain")
    assert (ended.reason, "plain.json" in ended.message) == ("Corrupt", True), ended
    listing = jobs.begin("list")
    assert listing.result().found == 1
    assert [info.name for info in listing.infos()] == ["sealed"]
    (at / "plain.json").unlink()
    missing = jobs.run("verify", "plain")
    assert missing.reason == "NoSuchBackup"
