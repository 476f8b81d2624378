"""The key files of a store on this machine, under a manifest that changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.local import Problem, keys
from vectorstore_operator.local.folder import Folder
from vectorstore_operator.local.manifest import Store
from vectorstore_operator.local.stores import shipped_plans
from vectorstore_operator.local.wanted import Place, Record, want

OWN = "a-key-of-my-own-1"


class Machine:
    """One store's folder, and `up` with one manifest after another."""

    def __init__(self, path: Path) -> None:
        self.folder, self.secrets = Folder(path / "stores" / "acme"), path / "secrets"
        self.place = Place(self.folder.path, path / "models", 8000, 9090, self.secrets)
        self.record: Record | None = None
        self.folder.make()

    def up(self, **asked: Any) -> str | None:
        spec = StoreSpec.model_validate({"keys": asked} if asked else {})
        wanted = want(Store("acme", "default", spec), shipped_plans(), self.record, self.place)
        keys.check(wanted, self.secrets)
        told = keys.bring_about(self.folder, self.record, wanted, self.secrets)
        self.record = wanted
        return told

    def given(self, **entries: str) -> None:
        (self.secrets / "mine").mkdir(parents=True, exist_ok=True)
        for name, text in entries.items():
            (self.secrets / "mine" / name.replace("_", "-")).write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_keys_are_made_once(machine: Machine) -> None:
    assert machine.up(rotate="1", revoke="1") is None
    first = machine.folder.keys("read-write")
    assert len(first) == 1
    assert machine.up(rotate="1", revoke="1") is None
    assert machine.up() is None
    assert machine.folder.keys("read-write") == first


def test_another_request_puts_a_new_key_before_the_former(machine: Machine) -> None:
    machine.up()
    (first,) = machine.folder.keys("read-write")
    assert "valid until spec.keys.revoke changes" in (machine.up(rotate="1") or "")
    new, former = machine.folder.keys("read-write")
    assert former == first != new == machine.folder.key("read-write")
    assert machine.folder.key_file("read-write").stat().st_mode & 0o777 == 0o600
    assert machine.up(rotate="1") is None


@pytest.mark.parametrize("asked", [{"rotate": "1"}, {"revoke": "1"}])
def test_a_request_that_was_taken_away_and_comes_back_asks_for_nothing(machine: Machine, asked: dict[str, Any]) -> None:
    machine.up()
    assert machine.up(**asked)
    found = machine.folder.keys("read-write")
    assert machine.up() is None
    assert machine.up() is None
    assert machine.up(**asked) is None
    assert machine.folder.keys("read-write") == found


@pytest.mark.parametrize("asked", [{"rotate": "1", "revoke": "1"}, {"rotate": "2", "overlapHours": 0}])
def test_a_revocation_leaves_the_new_key_alone(machine: Machine, asked: dict[str, Any]) -> None:
    machine.up()
    machine.up(rotate="1")
    before = {role: machine.folder.keys(role) for role in ("read-write", "read-only")}
    assert "void" in (machine.up(**asked) or "")
    for role, keys_before in before.items():
        (key,) = machine.folder.keys(role)
        assert key not in keys_before


def test_keys_come_from_a_folder_and_stay_when_it_is_not_named_any_more(machine: Machine) -> None:
    machine.up()
    machine.given(read_write=f"{OWN}\n{OWN}-too\n")
    assert machine.up(secretName="mine")
    assert machine.folder.keys("read-write") == [OWN, f"{OWN}-too"]
    assert machine.folder.keys("read-only") == []
    assert machine.up(secretName="mine") is None
    machine.up()
    assert machine.folder.keys("read-write") == [OWN, f"{OWN}-too"]
    assert machine.folder.key("read-only")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"rotateEvery": 30}, r"acme: spec\.keys\.rotateEvery: 30, .*leave it out"),
        ({"overlapHours": 2}, r"acme: spec\.keys\.overlapHours: 2, .*leave it out"),
        ({"secretName": "mine"}, r"acme: spec\.keys\.secretName: there is no Secret 'mine'.*secrets/mine"),
    ],
)
def test_what_cannot_be_here_is_refused(machine: Machine, asked: dict[str, Any], named: str) -> None:
    with pytest.raises(Problem, match=named):
        machine.up(**asked)


def test_a_key_that_is_too_short_is_refused_and_not_told(machine: Machine) -> None:
    machine.given(read_only="tiny!")
    with pytest.raises(Problem, match="key 1 in read-only of Secret 'mine' has 5 characters") as refused:
        machine.up(secretName="mine")
    assert "tiny!" not in str(refused.value)
