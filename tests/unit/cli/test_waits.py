"""What a wait does with answers that do not come."""

from __future__ import annotations

from typing import Any, cast

import pytest

from vectorstore_operator.cli import change
from vectorstore_operator.cli.remote import Remote
from vectorstore_operator.errors import Forbidden, Transient

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
