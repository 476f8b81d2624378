"""A front before an engine that is not its child: any Chroma server will do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import chromadb.errors
import httpx
import msgspec
import pytest
from tests.support.chroma import chroma_run
from tests.support.faults import FaultProxy
from tests.support.instances import Running, wait_until

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine.headers import engine_headers
from vectorstore_instance.engine.names import Names
from vectorstore_instance.engine.remote import RemoteEngine, remote_engine
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.upstream import Patience
from vectorstore_instance.settings import Limits, Settings

Start = Callable[..., Running]
TENANTS = "/api/v2/tenants"
DATABASE = f"{TENANTS}/default_tenant/databases/default_database"
FOREVER = 600.0


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Chroma's own server, which the tests of this module share."""
    with chroma_run(tmp_path_factory.mktemp("theirs")) as url:
        yield url


@pytest.fixture
async def proxy(chroma: str) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(chroma) as proxy:
        yield proxy


@asynccontextmanager
async def remote(
    url: str,
    patience: Patience | None = None,
    names: Names | None = None,
    limits: Limits | None = None,
    headers: Callable[[], Any] = dict,
) -> AsyncIterator[RemoteEngine]:
    engine = RemoteEngine(url, headers, names or Names(), lambda: limits or Limits(), patience)
    await engine.start()
    try:
        await until(lambda: engine.ready)
        yield engine
    finally:
        await engine.stop()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110  what happens elsewhere sends no event
            await asyncio.sleep(0.01)


async def post(engine: RemoteEngine, path: str, body: object) -> Reply:
    return await engine.request("POST", path, msgspec.json.encode(body))


async def make(engine: RemoteEngine, name: str) -> str:
    """A collection's path."""
    made = await post(engine, f"{DATABASE}/collections", {"name": name})
    return f"{DATABASE}/collections/{msgspec.json.decode(made.unwrap())['id']}"


def rows(*ids: str) -> dict[str, object]:
    return {"ids": list(ids), "embeddings": [[1, 2, 3]] * len(ids)}


async def refusal(asked: Any) -> ApiError:
    with pytest.raises(ApiError) as refused:
        await asked
    return refused.value


def test_keys_texts_and_the_wire_work_before_another_chroma(start: Start, tmp_path: Path) -> None:
    with chroma_run(tmp_path / "theirs") as url:
        running = start(ENGINE_URL=url)
        with running.http() as http:
            made = http.post(
                "/embed/", json={"documents": ["Bees make honey.", "Rain falls from clouds."], "ids": ["b", "r"]}
            )
            assert made.status_code == 200, made.text
            found = http.post("/search/", json={"query": "Which insects produce sweet food?", "n_results": 1}).json()
            assert [r["id"] for r in found["results"]] == ["b"]
            assert http.get("/stats").json()["documents"] == 2
            assert http.get("/api/v2/pre-flight-checks").json()["max_batch_size"] <= 5461
            assert http.post("/api/v2/reset").status_code == 403
        assert running.chroma("read-only").get_collection("documents").count() == 2
        with pytest.raises(chromadb.errors.ChromaAuthError):
            running.chroma("read-only").delete_collection("documents")
        assert httpx.get(f"{url}{DATABASE}/collections_count").json() == 1
        assert running.engine_pids() == []
        assert not (running.folder / "data").exists()


def test_an_engine_that_is_away_is_told_and_comes_back(start: Start, tmp_path: Path) -> None:
    leader = start(MODEL_NAME="none", DIMENSION="3")
    keys = {name: leader.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=leader.url, MODEL_NAME="none", DIMENSION="3")
    leader.end()
    wait_until(lambda: httpx.get(f"{follower.management_url}/readyz").status_code == 503)
    with follower.http() as http:
        away = http.get("/api/v2/tenants/default_tenant/databases/default_database/collections")
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    assert "does not answer" in away.json()["message"]
    assert httpx.get(f"{follower.management_url}/livez").status_code == 200
    leader.start()
    wait_until(lambda: httpx.get(f"{follower.management_url}/readyz").status_code == 200)
    assert follower.chroma().list_collections() == []


async def test_a_slow_query_is_given_up_and_holds_up_no_other(proxy: FaultProxy) -> None:
    async with remote(proxy.url, Patience(read=0.5)) as engine:
        path = await make(engine, "slow")
        await post(engine, f"{path}/add", rows("a"))
        proxy.holds = b'"slow":'
        slow = asyncio.create_task(post(engine, f"{path}/query", {"query_embeddings": [[1, 2, 3]], "slow": 1}))
        await until(lambda: b'"slow":' in proxy.seen)
        quick = await post(engine, f"{path}/query", {"query_embeddings": [[1, 2, 3]]})
        assert msgspec.json.decode(quick.unwrap())["ids"] == [["a"]]
        refused = await refusal(slow)
        assert (refused.status, refused.headers) == (504, {"retry-after": "5"})
        assert "try again" in refused.message
        assert engine.ready


async def test_a_slow_write_says_that_its_outcome_is_not_known(proxy: FaultProxy) -> None:
    async with remote(proxy.url, Patience(write=0.3)) as engine:
        path = await make(engine, "slow-write")
        proxy.holds = b"/upsert"
        refused = await refusal(post(engine, f"{path}/upsert", rows("a")))
        assert refused.status == 504
        assert "not known" in refused.message


async def test_only_so_many_wait_for_a_slow_engine_and_writes_are_not_among_reads(proxy: FaultProxy) -> None:
    async with remote(proxy.url, Patience(read=FOREVER, turn=0.05, reads=2)) as engine:
        path = await make(engine, "bounded")
        proxy.holds = b"/get"
        held = [asyncio.create_task(post(engine, f"{path}/get", {})) for _ in range(2)]
        await until(lambda: proxy.seen.count(b"/get") == 2)
        refused = await refusal(post(engine, f"{path}/get", {}))
        assert (refused.status, refused.headers) == (503, {"retry-after": "5"})
        assert "too many wait" in refused.message
        assert proxy.seen.count(b"/get") == 2
        assert (await post(engine, f"{path}/upsert", rows("a"))).ok
        proxy.flow.set()
        assert [(await reply).status for reply in held] == [200, 200]
        assert (await post(engine, f"{path}/get", {})).ok


async def test_a_gone_engine_is_tried_once_and_all_others_are_told_at_once(proxy: FaultProxy) -> None:
    async with remote(proxy.url, Patience(look_there=FOREVER, look_away=FOREVER)) as engine:
        path = await make(engine, "gone")
        proxy.aborts = True
        await proxy.go()
        await proxy.come()
        assert (await refusal(post(engine, f"{path}/get", {}))).status == 503
        await until(lambda: not engine.ready)
        tried = proxy.connections
        refused = await asyncio.gather(*(refusal(post(engine, f"{path}/get", {})) for _ in range(50)))
        assert {(r.status, r.headers["retry-after"]) for r in refused} == {(503, "2")}
        assert proxy.connections == tried


async def test_an_engine_that_is_back_is_found(proxy: FaultProxy) -> None:
    async with remote(proxy.url, Patience(look_there=FOREVER, look_away=0.05)) as engine:
        path = await make(engine, "back")
        await proxy.go()
        assert (await refusal(engine.request("GET", f"{path}/count"))).status == 503
        await until(lambda: not engine.ready)
        assert engine.state().phase == "away"
        await proxy.come()
        await until(lambda: engine.ready)
        assert (await engine.request("GET", f"{path}/count")).body == b"0"


async def test_a_read_that_meets_a_closed_connection_is_asked_again(proxy: FaultProxy) -> None:
    async with remote(proxy.url, Patience(look_there=FOREVER)) as engine:
        path = await make(engine, "closed")
        proxy.holds = b"/count"
        asked = asyncio.create_task(engine.request("GET", f"{path}/count"))
        await until(lambda: b"/count" in proxy.seen)
        proxy.holds = None
        await proxy.go()
        await proxy.come()
        assert (await asked).body == b"0"


async def test_tokens_and_headers_are_sent_and_read_again_when_they_change(proxy: FaultProxy, tmp_path: Path) -> None:
    token, headers = tmp_path / "token", tmp_path / "headers"
    token.write_text("first-token\n")
    headers.write_text("# for the gateway\nX-Route: east\n\nAuthorization: Basic abc\n")
    async with remote(proxy.url, headers=engine_headers(token, headers)) as engine:
        await engine.request("GET", f"{DATABASE}/collections")
        for sent in (b"x-chroma-token: first-token\r\n", b"x-route: east\r\n", b"authorization: Basic abc\r\n"):
            assert sent in proxy.seen
        token.write_text("second-token\n")
        headers.write_text("X-Route: west\n")
        async with asyncio.timeout(30):
            while b"x-route: west\r\n" not in proxy.seen:
                await engine.request("GET", f"{DATABASE}/collections")
                await asyncio.sleep(0.02)
        assert b"x-chroma-token: second-token\r\n" in proxy.seen


@pytest.mark.parametrize(
    ("text", "words"),
    [("no colon", "line 1"), ("A: b\nBad Name: x", "line 2"), ("Host: x", "set by the store"), ("X: ", "line 1")],
)
def test_wrong_headers_are_refused_without_showing_them(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "headers"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as refused:
        engine_headers(None, path)
    assert "ENGINE_HEADERS_FILE" in str(refused.value)
    assert "colon" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://user:secret@host", "https://host/?key=secret", "host:80", "http://[host"])
def test_a_wrong_url_is_refused_without_showing_what_may_be_a_secret(url: str) -> None:
    with pytest.raises(ValueError, match=r"ENGINE_URL: .*host.* is not the URL of a server") as no:
        remote_engine(Settings(engine_url=url), Limits)
    assert "secret" not in str(no.value)
    assert "ENGINE_HEADERS_FILE" in str(no.value)


async def test_a_refused_token_and_a_broken_gateway_are_no_fault_of_the_clients(proxy: FaultProxy) -> None:
    async with remote(proxy.url) as engine:
        for status, words in (("401 Unauthorized", "ENGINE_TOKEN_FILE"), ("502 Bad Gateway", "not served")):
            proxy.says = f"HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nno".encode()
            refused = await refusal(engine.request("GET", f"{DATABASE}/collections"))
            assert refused.status == 503
            assert words in refused.message
            assert "retry-after" in refused.headers


@pytest.mark.parametrize(
    "says",
    [
        "308 Permanent Redirect\r\nlocation: https://example.org/\r\ncontent-length: 0\r\n\r\n",
        "200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<html>hi</html>",
    ],
)
async def test_what_is_no_chroma_is_told_and_not_handed_on(proxy: FaultProxy, says: str) -> None:
    async with remote(proxy.url, Patience(look_there=FOREVER)) as engine:
        proxy.says = f"HTTP/1.1 {says}".encode()
        refused = await refusal(engine.request("GET", f"{DATABASE}/collections"))
        assert refused.status == 503
        assert f"{says[:3]}, which is no answer of Chroma's" in refused.message
    other = RemoteEngine(proxy.url, dict, Names(), Limits, Patience(look_away=0.01))
    await other.start()
    try:
        await until(lambda: proxy.seen.count(b"/heartbeat") >= 3)
        assert not other.ready
        refused = await refusal(other.request("GET", f"{DATABASE}/collections"))
        assert (refused.status, refused.headers) == (503, {"retry-after": "2"})
        assert f"answers its heartbeat with {says[:3]}" in refused.message
    finally:
        await other.stop()


async def test_the_others_retry_after_is_handed_on(proxy: FaultProxy) -> None:
    async with remote(proxy.url) as engine:
        proxy.says = (
            b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-type: application/json\r\n"
            b'content-length: 41\r\n\r\n{"error":"RateLimitError","message":"no"}'
        )
        reply = await engine.request("GET", f"{DATABASE}/collections")
        assert (reply.status, reply.headers) == (429, (("retry-after", "7"),))


async def test_the_store_is_one_tenant_and_database_there(chroma: str) -> None:
    async with httpx.AsyncClient(base_url=chroma) as http:
        await http.post(TENANTS, json={"name": "acme"})
        for database in ("notes", "secret"):
            await http.post(f"{TENANTS}/acme/databases", json={"name": database})
        made = await http.post(f"{TENANTS}/acme/databases/secret/collections", json={"name": "hidden"})
        secret = made.json()["id"]

        async with remote(chroma, names=Names("acme", "notes")) as engine:
            made = msgspec.json.decode((await post(engine, f"{DATABASE}/collections", {"name": "mine"})).unwrap())
            assert (made["tenant"], made["database"]) == ("default_tenant", "default_database")
            there = (await http.get(f"{TENANTS}/acme/databases/notes/collections/mine")).json()
            assert (there["id"], there["configuration_json"]) == (made["id"], made["configuration_json"])
            path = f"{DATABASE}/collections/{made['id']}"
            assert (await post(engine, f"{path}/add", rows("a"))).status == 201
            assert (await engine.request("GET", f"{path}/count")).body == b"1"

            async def told(route: str) -> Any:
                return msgspec.json.decode((await engine.request("GET", route)).unwrap())

            assert (await told(f"{TENANTS}/default_tenant"))["name"] == "default_tenant"
            assert (await told(DATABASE))["name"] == "default_database"
            databases = await told(f"{TENANTS}/default_tenant/databases")
            assert [(d["name"], d["tenant"]) for d in databases] == [("default_database", "default_tenant")]
            assert await told(f"{TENANTS}/default_tenant/databases?offset=1&limit=1") == []
            assert [c["database"] for c in await told(f"{DATABASE}/collections")] == ["default_database"]

            for method, route, status in (
                ("GET", f"{TENANTS}/acme", 404),
                ("GET", f"{TENANTS}/acme/databases/notes/collections", 404),
                ("GET", f"{TENANTS}/default_tenant/databases/secret/collections", 404),
                ("GET", f"{TENANTS}/default_tenant/databases/%2e%2e/collections", 400),
                ("GET", f"{DATABASE}/collections/{secret}/count", 404),
                ("POST", f"{DATABASE}/collections/{secret}/get", 404),
                ("POST", TENANTS, 403),
                ("POST", f"{TENANTS}/default_tenant/databases", 403),
                ("DELETE", DATABASE, 403),
            ):
                refused = await refusal(engine.request(method, route, b"{}"))
                assert refused.status == status, (method, route, refused.message)
            assert (await refusal(engine.reset())).status == 403


async def test_the_quota_is_kept_by_counting(chroma: str) -> None:
    async with httpx.AsyncClient(base_url=chroma) as http:
        await http.post(TENANTS, json={"name": "counted"})
        await http.post(f"{TENANTS}/counted/databases", json={"name": "here"})
        limits = Limits(max_documents=5, max_collections=2, max_batch_rows=4, max_dimension=3)
        async with remote(chroma, names=Names("counted", "here"), limits=limits) as engine:
            path = await make(engine, "quota")
            assert (await post(engine, f"{path}/add", rows("a", "b", "c"))).ok
            assert (await post(engine, f"{path}/upsert", rows("a", "b", "c"))).ok, "they are there already"
            assert (await post(engine, f"{path}/add", rows("d", "e"))).ok
            for verb, ids in (("add", "fg"), ("upsert", "ef")):
                refused = await refusal(post(engine, f"{path}/{verb}", rows(*ids)))
                assert (refused.status, refused.error) == (429, "QuotaError")
                assert "5 of 5" in refused.message
            assert (await post(engine, f"{path}/upsert", rows("d", "e"))).ok
            assert (await post(engine, f"{path}/delete", {"ids": ["a"]})).ok
            assert (await post(engine, f"{path}/add", rows("f"))).ok
            usage = await engine.usage()
            assert (usage.documents, usage.collections) == (5, 1)
            await make(engine, "second")
            refused = await refusal(make(engine, "third"))
            assert (refused.status, refused.error) == (429, "QuotaError")
            known = await post(engine, f"{DATABASE}/collections", {"name": "second", "get_or_create": True})
            assert known.ok
            assert (await refusal(post(engine, f"{path}/upsert", rows(*"abcde")))).status == 413
            long = {"ids": ["a"], "embeddings": [[1, 2, 3, 4]]}
            assert "above the 3" in (await refusal(post(engine, f"{path}/upsert", long))).message


async def test_a_copy_has_room_or_is_refused(chroma: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with httpx.AsyncClient(base_url=chroma) as http:
        await http.post(TENANTS, json={"name": "forked"})
        await http.post(f"{TENANTS}/forked/databases", json={"name": "here"})
    limits = Limits(max_documents=5, max_collections=2)
    async with remote(chroma, names=Names("forked", "here"), limits=limits) as engine:
        path = await make(engine, "source")
        assert (await post(engine, f"{path}/add", rows("a", "b"))).ok
        assert (await post(engine, f"{path}/fork", {"new_name": "copy"})).status == 501, "a single node has none"
        assert ((await engine.usage()).documents, (await engine.usage()).collections) == (2, 1)
        assert (await post(engine, f"{path}/add", rows("c"))).ok
        refused = await refusal(post(engine, f"{path}/fork", {"new_name": "copy"}))
        assert (refused.status, refused.error) == (429, "QuotaError")
        assert "3 of 5 are used and this adds 3" in refused.message
        assert (await post(engine, f"{path}/delete", {"ids": ["c"]})).ok
        await make(engine, "second")
        assert "2 of 2" in (await refusal(post(engine, f"{path}/fork", {"new_name": "copy"}))).message
        assert (await engine.request("DELETE", f"{DATABASE}/collections/second")).ok
        await engine.usage()
        ask = engine._upstream.ask

        async def copied(method: str, path: str, body: bytes = b"", **how: Any) -> Reply:
            if path.endswith("/fork"):
                return Reply(200, b"{}", b"application/json")
            return await ask(method, path, body, **how)

        monkeypatch.setattr(engine._upstream, "ask", copied)
        assert (await post(engine, f"{path}/fork", {"new_name": "copy"})).ok
        assert engine._quota.documents == 4
        assert engine._quota.collections == 2


async def test_a_search_is_weighed_before_it_is_forwarded(chroma: str) -> None:
    async with remote(chroma, limits=Limits(max_n_results=10, max_dimension=3, max_where_operators=2)) as engine:
        path = await make(engine, "searched")
        light = {
            "filter": {"n": {"$gt": 1}},
            "rank": {"$knn": {"query": [1, 2, 3], "limit": 10}},
            "limit": {"limit": 5},
        }
        assert (await post(engine, f"{path}/search", {"searches": [light, light]})).status == 501
        for heavy, told in (
            ({**light, "limit": {"limit": 11}}, "searches[1]: 11 is above the 10 results"),
            ({**light, "rank": {"$sum": [{"$knn": {"query": [1], "limit": 11}}]}}, "searches[1]: 11 is above"),
            ({**light, "rank": {"$knn": {"query": [1, 2, 3, 4]}}, "limit": None}, "searches[1].rank: 4 is above the 3"),
            ({**light, "filter": {"$and": [{"a": 1}, {"b": 2}]}}, "operators"),
            ({"filter": None}, "searches[1]: no limit and no rank"),
        ):
            refused = await refusal(post(engine, f"{path}/search", {"searches": [light, heavy]}))
            assert (refused.status, told in refused.message) == (400, True), refused.message
        assert (await refusal(engine.request("POST", f"{path}/search", b"{}"))).status == 422


async def test_an_add_that_refuses_known_ids_does_so_before_another_chroma(chroma: str) -> None:
    async with remote(chroma) as engine:
        path = await make(engine, "refuses")
        assert (await post(engine, f"{path}/add?known=refuse", rows("a"))).ok
        refused = await refusal(post(engine, f"{path}/add?known=refuse", rows("a")))
        assert (refused.status, refused.error) == (409, "UniqueConstraintError")


async def test_health_says_that_nothing_is_served_with_a_key_and_without(start: Start, proxy: FaultProxy) -> None:
    store = await asyncio.to_thread(start, ENGINE_URL=proxy.url, MODEL_NAME="none", DIMENSION="3")

    async def healths() -> list[int]:
        headers = {"x-chroma-token": store.key()}
        async with httpx.AsyncClient(base_url=store.url) as http:
            return [(await http.get("/healthz/", headers=sent)).status_code for sent in (headers, {})]

    assert await healths() == [200, 200]
    await proxy.go()
    async with asyncio.timeout(30), httpx.AsyncClient(base_url=store.management_url) as probes:
        while (await probes.get("/readyz")).status_code == 200:  # noqa: ASYNC110  it sends no event
            await asyncio.sleep(0.05)
    assert await healths() == [503, 503]
