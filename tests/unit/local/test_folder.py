"""A store's files: private, replaced as a whole, and never overwritten where they are keys."""

import json
import os
from pathlib import Path

import pytest

from vectorstore_instance.settings import Limits
from vectorstore_operator.local import Problem
from vectorstore_operator.local.folder import KEYS, Folder, Home, default_home


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Home(tmp_path).folder("acme")
    made.make()
    return made


def test_keys_are_random_private_and_stay(folder: Folder) -> None:
    folder.make_keys()
    keys = {name: folder.key(name) for name in KEYS}
    assert len(set(keys.values())) == 3
    assert all(len(key) >= 43 for key in keys.values())
    assert {oct(folder.key_file(name).stat().st_mode & 0o777) for name in KEYS} == {"0o600"}
    assert oct((folder.path / "keys").stat().st_mode & 0o777) == "0o700"
    folder.make_keys()
    assert {name: folder.key(name) for name in KEYS} == keys


def test_limits_are_replaced_by_a_rename(folder: Folder) -> None:
    folder.write_limits(Limits(max_documents=1))
    with (folder.path / "limits" / "limits.json").open() as reader:
        folder.write_limits(Limits(max_documents=2))
        assert json.load(reader)["max_documents"] == 1
    assert folder.read_limits() == Limits(max_documents=2)
    assert os.listdir(folder.path / "limits") == ["limits.json"]


def test_spoiled_limits_count_as_none(folder: Folder) -> None:
    (folder.path / "limits" / "limits.json").write_text("{")
    assert folder.read_limits() is None


def test_a_spoiled_record_is_told_with_its_file(folder: Folder) -> None:
    (folder.path / "store.json").write_text('{"name": "acme"}')
    with pytest.raises(Problem, match=r"store\.json: namespace: Field required; .* run `vectorstore up` again"):
        folder.read_record()


@pytest.mark.parametrize("name", ["../../etc", "", "Acme"])
def test_a_name_that_is_none_leads_nowhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is no store's name"):
        Home(tmp_path).folder(name)
    with pytest.raises(Problem, match="is no store's name"), Home(tmp_path).lock(name, print):
        pass


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"VECTORSTORE_HOME": "/a"}, "/a"),
        ({"XDG_DATA_HOME": "/x"}, "/x/vectorstore"),
        ({"HOME": "/h"}, "/h/.local/share/vectorstore"),
    ],
)
def test_home_is_where_it_is_said_to_be(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VECTORSTORE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_home().path == Path(expected)
