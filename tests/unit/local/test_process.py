"""What a process is given, and the waits between attempts."""

from pathlib import Path

import pytest

from vectorstore_instance.settings import Settings
from vectorstore_operator.local import ports, process, supervisor


def test_nothing_of_the_callers_environment_is_taken_for_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("max_docs", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    environ = process._environ(Settings(port=8123))
    assert environ["PORT"] == "8123"
    assert "max_docs" not in environ
    assert environ["HTTPS_PROXY"] == "http://proxy"


def test_attempts_come_slower_and_not_for_ever_slower() -> None:
    waits = [supervisor.wait_before(attempt) for attempt in range(1, 100)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.5, supervisor.LONGEST_WAIT)


def test_a_folder_where_nothing_ever_ran_does_not_run(tmp_path: Path) -> None:
    assert not process.is_running(tmp_path)
    assert process.read_run(tmp_path) == process.Run()


def test_free_ports_are_not_those_that_are_taken() -> None:
    first = ports.free_port(())
    assert ports.is_free(first)
    assert ports.free_port((first,)) != first


def test_the_last_lines_are_those_behind_a_position(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\none\ntwo\nthree\n")
    assert process.last_lines(log, begin=4, count=2) == ["two", "three"]
