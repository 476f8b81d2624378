"""kopf's tries of a request: without end and never far apart, for kinds that are missing, too."""

from __future__ import annotations

from itertools import islice

import aiohttp
import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from vectorstore_operator import handlers


def test_a_watch_is_never_given_up() -> None:
    waits = handlers.settings().networking.error_backoffs
    assert not isinstance(waits, float)
    for _ in range(2):  # kopf begins anew with every request
        tries = list(islice(waits, 1000))
        assert len(tries) == 1000
        assert 0.3 < tries[0] < 0.7
        assert all(20 < wait < 40 for wait in tries[10:])
        assert sum(tries[:5]) < 25


async def test_a_kind_that_is_missing_fails_like_a_connection_and_every_other_answer_is_passed_on() -> None:
    asked: list[str | None] = []

    async def lacks(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization"))
        return web.Response(status=404, text="404 page not found")

    app = web.Application()
    app.router.add_get("/{path:.*}", lacks)
    async with TestServer(app) as server:
        url = str(server.make_url("/apis/vectorstore.dev/v1alpha1"))
        session = handlers.session(kopf.ConnectionInfo(server=url, token="of-the-pod")).aiohttp_session
        async with session:
            for kind in ("vectorstores?watch=true", "vectorstoreplans"):
                with pytest.raises(aiohttp.ClientConnectionError, match="are the CRDs installed"):
                    await session.get(f"{url}/{kind}")
            assert (await session.get(url)).status == 404
    assert set(asked) == {"Bearer of-the-pod"}
