"""What a wait does with answers that do not come."""

from __future__ import annotations

from typing import Any, cast

import pytest

from vectorstore_operator.cli import change
from vectorstore_operator.cli.remote import Remote
from vectorstore_operator.cli.upgrade import runs
from vectorstore_operator.cluster.errors import Forbidden, Transient
from vectorstore_operator.local import Problem

READY = {
    "metadata": {"name": "acme", "namespace": "tenants", "generation": 1},
    "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True", "reason": "Serving"}]},
}


class Server:
    """Answers in turn."""

    namespace = "tenants"

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    async def store(self, name: str) -> Any:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change, "_LOOK_SECONDS", 0)


async def test_an_api_server_that_is_away_for_a_while_ends_no_wait(capsys: pytest.CaptureFixture[str]) -> None:
    server = cast(Remote, Server(Transient("503"), READY))
    assert await change.wait(server, "acme", change.is_ready, 60) == READY
    assert capsys.readouterr().err == "acme: asking again: 503\n"


async def test_a_refusal_to_answer_ends_it() -> None:
    with pytest.raises(Forbidden):
        await change.wait(cast(Remote, Server(Forbidden("no"))), "acme", change.is_ready, 60)


def upgrading(version: str, reason: str, **rollout: bool) -> Any:
    update = {"type": "UpdateAvailable", "status": "True", "reason": reason, "message": f"so it is: {reason}"}
    conditions = [*READY["status"]["conditions"], update]  # type: ignore[index]
    return READY | {
        "status": {"observedGeneration": 1, "version": version, "rollout": rollout, "conditions": conditions}
    }


async def test_an_upgrade_is_waited_for_until_the_new_pods_have_proven_themselves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = upgrading("2", "UpToDate")
    going = (upgrading("1", "Checkpointing", moving=True), upgrading("2", "Moving", moving=True))
    assert await change.wait(cast(Remote, Server(*going, done)), "acme", runs("2"), 60) == done
    assert "acme: Checkpointing: so it is: Checkpointing" in capsys.readouterr().err


async def test_an_upgrade_that_was_taken_back_is_told_as_such() -> None:
    with pytest.raises(Problem, match="acme: so it is: RolledBack"):
        await change.wait(cast(Remote, Server(upgrading("1", "RolledBack"))), "acme", runs("2"), 60)
