"""A change of a collection that somebody's commit got in the way of is sent again."""

from __future__ import annotations

import pytest

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine import modifying
from vectorstore_instance.engine.modifying import ATTEMPTS, modify
from vectorstore_instance.engine.reply import Reply

LOCKED = Reply(500, b'{"error":"InternalError","message":"Database error: (code: 5) database is locked"}')
FAULT = Reply(500, b'{"error":"InternalError","message":"something else"}')
DONE = Reply(200, b"{}")


class Engine:
    """Answers one after another, the last of them for ever."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = replies
        self.asked = 0

    async def put(self) -> Reply:
        self.asked += 1
        return self.replies[min(self.asked, len(self.replies)) - 1]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modifying, "PAUSE", 0)


@pytest.mark.parametrize("last", [DONE, FAULT])
async def test_it_is_sent_until_nobody_is_in_the_way_and_then_answered_as_the_engine_does(last: Reply) -> None:
    engine = Engine(LOCKED, LOCKED, last)
    assert await modify(engine.put) == last
    assert engine.asked == 3


async def test_where_somebody_always_is_it_is_refused_as_undone() -> None:
    engine = Engine(LOCKED)
    with pytest.raises(ApiError, match="not changed; send it again") as refused:
        await modify(engine.put)
    assert (refused.value.status, engine.asked) == (503, ATTEMPTS)
