"""Files by URL: from where the operator allows it, by addresses that are what they seem, and within limits."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.documents import addresses
from vectorstore_instance.documents.addresses import Forbidden, Reach
from vectorstore_instance.documents.fetch import Rules, fetch, source_of
from vectorstore_instance.documents.kinds import Unreadable

MOST = 1 << 20


@dataclass
class Server:
    """A web server on the loopback."""

    url: str
    seen: list[web.Request] = field(default_factory=list)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    app = web.Application()
    found = Server("")

    async def answer(request: web.Request) -> web.StreamResponse:
        found.seen.append(request)
        match request.path:
            case "/files/a.txt":
                answered = web.Response(body=b"hello", content_type="text/plain")
                answered.set_cookie("session", "1")
                return answered
            case "/files/large":
                return web.Response(body=bytes(MOST + 1))
            case "/files/bomb":
                answered = web.Response(body=bytes(8 * MOST))
                answered.enable_compression(web.ContentCoding.gzip)
                return answered
            case "/files/loop":
                return web.Response(status=307, headers={"location": "loop"})
            case "/files/secret":
                return web.Response(status=403)
            case _ if "to" in request.query:
                return web.Response(status=302, headers={"location": request.query["to"]})
        return web.Response(status=404)

    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


class Rebinding(AbstractResolver):
    """A name server that says what its owner likes."""

    def __init__(self, *hosts: str) -> None:
        self._hosts = hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=each, port=port, family=_family(each), proto=0, flags=socket.AI_NUMERICHOST
            )
            for each in self._hosts
        ]

    async def close(self) -> None:
        pass


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def refused(rules: str, url: str, out: Path, resolver: AbstractResolver | None = None) -> str:
    with pytest.raises((Unreadable, ApiError)) as refusal:
        await fetch(Rules.parse(rules), url, out, MOST, resolver=resolver)
    return str(refusal.value)


async def test_a_listed_prefix_is_fetched_and_nothing_of_ours_goes_along(server: Server, tmp_path: Path) -> None:
    rules = Rules.parse(f"https://other.example/, {server.url}/files/")
    for _ in range(2):
        assert await fetch(rules, f"{server.url}/files/a.txt", tmp_path / "a", MOST) == (5, "text/plain")
    assert (tmp_path / "a").read_bytes() == b"hello"
    assert not {"authorization", "cookie", "referer"} & {name.lower() for name in server.seen[1].headers}


async def test_redirections_are_followed_as_far_as_each_step_is_allowed(server: Server, tmp_path: Path) -> None:
    rules = f"{server.url}/files/"

    def to(url: str) -> str:
        return f"{server.url}/files/r?to={url}"

    url = f"{server.url}/files/r?to=/files/a.txt"
    assert (await fetch(Rules.parse(rules), url, tmp_path / "a", MOST))[0] == 5
    assert "does not begin with" in await refused(rules, to(f"{server.url}/admin"), tmp_path / "b")
    port = server.url.rpartition(":")[2]
    assert "does not begin with" in await refused(rules, to(f"http://localhost:{port}/files/a.txt"), tmp_path / "b")
    assert "not an https:// or http://" in await refused(rules, to("file:///etc/passwd"), tmp_path / "b")
    assert "redirected more than 3" in await refused(rules, to("/files/loop"), tmp_path / "b")
    assert [request.path for request in server.seen if request.path == "/admin"] == []


async def test_what_is_too_large_or_missing_is_told(server: Server, tmp_path: Path) -> None:
    rules = f"{server.url}/files/"
    assert "more than the 1048576 bytes" in await refused(rules, f"{server.url}/files/large", tmp_path / "a")
    assert "more than the 1048576 bytes" in await refused(rules, f"{server.url}/files/bomb", tmp_path / "a")
    assert "answered 403" in await refused(rules, f"{server.url}/files/secret", tmp_path / "a")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    assert "cannot be reached" in await refused(gone, f"{gone}a", tmp_path / "a")


async def test_a_name_that_resolves_to_the_inside_gets_nothing(server: Server, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    signed = f"https://files.example:{port}/files/a.txt?X-Amz-Signature=1"
    for inside in ("127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.7"):
        told = await refused("presigned", signed, tmp_path / "a", Rebinding(inside))
        assert "not an address of the public Internet" in told
    listed = f"http://files.example:{port}/"
    told = await refused(listed, f"{listed}files/a.txt", tmp_path / "a", Rebinding("127.0.0.1"))
    assert "not an address of the public Internet" in told
    assert server.seen == []


async def test_presigned_urls_are_https_signed_and_public(tmp_path: Path) -> None:
    rules = Rules.parse("presigned")
    for query in ("X-Amz-Signature=1", "sig=abc&se=1", "Expires=1&Signature=x", "x-goog-signature=1"):
        assert rules.reach(f"https://bucket.example/key.pdf?{query}") == "public"
    for url in (
        "https://bucket.example/key.pdf",
        "http://bucket.example/key.pdf?sig=1",
        "https://user:pass@bucket.example/key.pdf?sig=1",
        "ftp://bucket.example/key.pdf?sig=1",
        "https://bucket.example\\@inside/key.pdf?sig=1",
        "https:///key.pdf?sig=1",
        "https://bucket.example:x/key.pdf?sig=1",
    ):
        with pytest.raises(ApiError):
            rules.reach(url)
    literal = "https://127.0.0.1/key.pdf?sig=1"
    assert "public Internet" in await refused("presigned", literal, tmp_path / "a")
    for literal in ("https://2130706433/a?sig=1", "https://0x7f.1/a?sig=1", "https://[::1]/a?sig=1"):
        await refused("presigned", literal, tmp_path / "a")


def test_a_prefix_is_a_host_and_a_path_not_a_string() -> None:
    rules = Rules.parse("https://files.example/public/,http://minio.storage.svc:9000/")
    assert rules.reach("https://FILES.example:443/public/a.pdf") == "private"
    assert rules.reach("http://minio.storage.svc:9000/b/a.pdf") == "private"
    for url in (
        "https://files.example.evil.test/public/a.pdf",
        "https://files.example@evil.test/public/a.pdf",
        "https://files.example/private/a.pdf",
        "https://files.example/public/../private/a.pdf",
        "https://files.example/public/%2e%2e/private/a.pdf",
        "http://files.example/public/a.pdf",
        "http://minio.storage.svc/b/a.pdf",
    ):
        with pytest.raises(ApiError):
            rules.reach(url)


@pytest.mark.parametrize(
    ("address", "reach", "passes"),
    [
        ("93.184.216.34", "public", True),
        ("2606:2800:220:1::1", "public", True),
        ("10.1.2.3", "public", False),
        ("10.1.2.3", "private", True),
        ("fd00::7", "private", True),
        ("100.64.0.1", "public", False),
        ("127.0.0.1", "private", False),
        ("::1", "private", False),
        ("169.254.169.254", "private", False),
        ("fe80::1%eth0", "private", False),
        ("::ffff:169.254.169.254", "private", False),
        ("64:ff9b::7f00:1", "private", False),
        ("2002:7f00:1::", "private", False),
        ("224.0.0.1", "private", False),
        ("0.0.0.0", "private", False),
        ("240.0.0.1", "private", False),
        ("192.0.2.1", "private", False),
        ("255.255.255.255", "private", False),
        ("127.0.0.1", "named", True),
    ],
)
def test_addresses(address: str, reach: Reach, passes: bool) -> None:
    if passes:
        addresses.check(address, reach)
    else:
        with pytest.raises(Forbidden):
            addresses.check(address, reach)


def test_the_api_server_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    with pytest.raises(Forbidden, match="API server"):
        addresses.check("10.96.0.1", "private")


def test_what_is_shown_of_a_url_holds_no_signature() -> None:
    assert source_of("https://b.example/a.pdf?X-Amz-Signature=abc#top") == "https://b.example/a.pdf"
