"""A backup, its proof, its restore and its end, at both kinds of destination."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pyrage
from tests.integration.backup.conftest import ROWS
from tests.support.archives import rows, state
from tests.support.backups import AT, STORE, Jobs, of_folder
from tests.support.instances import Running


def key() -> str:
    return str(pyrage.x25519.Identity.generate())


def test_what_is_backed_up_comes_back(jobs: Jobs, source: Running, waiting: Running) -> None:
    encrypt = jobs.destination.folder is None
    jobs.secrets["encryption-key"] = key()
    made = jobs.begin("backup", "first", running=source, encrypt=encrypt).result()
    assert made.reason == "Done", made
    assert made.backup is not None
    assert (made.backup.documents, made.backup.collections, made.backup.encrypted) == (ROWS, 1, encrypt)
    assert re.search(rf"{AT}/first[.][0-9a-f]{{8}}[.]tar[.]zst{'[.]age' * encrypt}$", made.backup.object)

    proven = jobs.begin("verify", "first").result()
    assert proven.reason == "Done", proven
    assert proven.verified is not None
    assert (proven.verified.documents, proven.verified.questions) == (ROWS, 5)

    restored = jobs.begin("restore", "first", running=waiting).result()
    assert restored.reason == "Done", restored
    assert restored.verified is not None
    assert restored.verified.documents == ROWS
    assert rows(waiting, "some") == rows(source, "some")
    assert state(waiting)["restored"]["store"] == f"{AT}/first/"

    listing = jobs.begin("list", store=None)
    assert listing.result().found == 1
    (info,) = listing.infos()
    assert info == made.backup.model_copy(update={"verified": proven.verified})

    assert jobs.begin("delete", "first", "never-made").result().deleted == 2
    assert jobs.run("list").found == 0
    assert jobs.run("restore", "first", running=waiting).reason == "NoSuchBackup"


def test_an_object_is_what_its_description_says(tmp_path: Path, source: Running) -> None:
    (tmp_path / "there").mkdir()
    made = of_folder(tmp_path, tmp_path / "there").begin("backup", "first", running=source).result().backup
    assert made is not None
    content = (tmp_path / "there" / made.object).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (made.size, made.sha256)
    assert (made.cluster, made.namespace, made.uid, made.store) == (
        *(STORE.cluster, STORE.namespace, STORE.uid, STORE.name),
    )
    files = [path for path in (tmp_path / "there").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {Path(made.object).name, "first.json"}
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
