"""Tokens of a real issuer on loopback, and all that may be wrong with them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from tests.support.issuer import AUDIENCE, Issuer

from vectorstore_instance.core import jwks
from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.core.exchange import Caller
from vectorstore_instance.core.jwks import IssuerKey, KeySet
from vectorstore_instance.core.jwt import IssuedTokens, database_name
from vectorstore_instance.core.roles import Role
from vectorstore_instance.settings import Settings


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    made = Issuer()
    runner = await made.serve()
    yield made
    await runner.cleanup()


def tokens_of(issuer: Issuer, **settings: Any) -> IssuedTokens:
    return IssuedTokens(Settings(jwt_issuer=issuer.url, jwt_audience=AUDIENCE, **settings))


async def refusal(tokens: IssuedTokens, token: str) -> ApiError:
    with pytest.raises(ApiError) as refused:
        await tokens.caller(token.encode())
    assert token not in refused.value.message
    assert not any(part in refused.value.message for part in token.split(".") if part)
    return refused.value


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384", "EdDSA"])
async def test_a_good_token_is_its_subjects(issuer: Issuer, algorithm: str) -> None:
    issuer.add("second", algorithm)
    caller = await tokens_of(issuer).caller(issuer.token("second").encode())
    assert caller == Caller(Role.READ_WRITE, "ada", None)


class In(int):
    """So many seconds from the time a test begins, which may be long after it was collected."""


def now(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims with times for what is `In` some seconds."""
    return {name: time.time() + value if isinstance(value, In) else value for name, value in claims.items()}


@pytest.mark.parametrize(
    ("claims", "settings", "role"),
    [
        ({"scope": "openid vectorstore.read"}, {}, Role.READ_ONLY),
        ({"scope": "vectorstore.read vectorstore.write"}, {}, Role.READ_WRITE),
        ({"scope": ["vectorstore.write"]}, {}, Role.READ_WRITE),
        ({"scope": None, "scp": "vectorstore.read"}, {"jwt_scope_claim": "scp"}, Role.READ_ONLY),
        ({"scope": "store/read"}, {"jwt_read_scope": "store/read"}, Role.READ_ONLY),
        ({"aud": ["other", AUDIENCE]}, {}, Role.READ_WRITE),
        ({"aud": None, "client_id": AUDIENCE}, {}, Role.READ_WRITE),
        ({"exp": In(-10)}, {}, Role.READ_WRITE),
    ],
)
async def test_scopes_and_audience_as_issuers_write_them(
    issuer: Issuer, claims: dict[str, Any], settings: dict[str, Any], role: Role
) -> None:
    assert (await tokens_of(issuer, **settings).caller(issuer.token(**now(claims)).encode())).role is role


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({"exp": In(-100)}, 401, "expired"),
        ({"exp": None}, 401, "must say when it expires"),
        ({"exp": float("inf")}, 401, "not a token that can be verified"),
        ({"nbf": In(100)}, 401, "not valid yet"),
        ({"iss": "http://somebody.else"}, 401, "another issuer"),
        ({"aud": "another-store"}, 401, "another audience than 'the-store'"),
        ({"aud": None}, 401, "another audience"),
        ({"aud": "another-store", "client_id": AUDIENCE}, 401, "another audience"),
        ({"scope": None}, 403, "neither scope 'vectorstore.read' nor 'vectorstore.write'"),
        ({"scope": "vectorstore.writer"}, 403, "neither scope"),
        ({"scope": {"vectorstore.write": True}}, 403, "neither scope"),
    ],
)
async def test_what_is_wrong_with_a_token_is_said(
    issuer: Issuer, claims: dict[str, Any], status: int, words: str
) -> None:
    refused = await refusal(tokens_of(issuer), issuer.token(**now(claims)))
    assert refused.status == status
    assert words in refused.message


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


async def test_a_signature_of_anothers_or_none_is_refused(issuer: Issuer) -> None:
    tokens = tokens_of(issuer)
    good = issuer.token()
    head, claims, signature = good.split(".")
    more = part({"iss": issuer.url, "aud": AUDIENCE, "exp": time.time() + 60, "scope": "vectorstore.write"})
    assert "signature" in (await refusal(tokens, f"{head}.{more}.{signature}")).message

    other = Issuer()
    other.url = issuer.url
    assert "signature" in (await refusal(tokens, other.token())).message

    for algorithm in ("none", "None", "HS256", ["RS256"], None):
        unsigned = f"{part({'alg': algorithm, 'kid': 'first'})}.{claims}."
        refused = await refusal(tokens, unsigned)
        assert (refused.status, "its algorithm is none of" in refused.message) == (401, True)

    # The public key as the secret of an HMAC: the classic confusion.
    public = json.dumps(issuer.key_set()["keys"][0]).encode()
    signing = f"{part({'alg': 'HS256', 'kid': 'first'})}.{claims}"
    forged = base64.urlsafe_b64encode(hmac.digest(public, signing.encode(), hashlib.sha256)).rstrip(b"=").decode()
    assert (await refusal(tokens, f"{signing}.{forged}")).status == 401

    # A key of an elliptic curve is none of RSA, whatever the header says.
    assert (await refusal(tokens, f"{part({'alg': 'RS256', 'kid': 'first'})}.{claims}.{signature}")).status == 401


@pytest.mark.parametrize("token", ["a.b.c", "..", f"{'x' * 20_000}.y.z", "é.b.c", f"{part([])}.{part({})}.x"])
async def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    with pytest.raises(ApiError) as refused:
        await tokens_of(issuer).caller(token.encode())
    assert refused.value.status == 401


async def test_a_deeply_nested_header_is_refused(issuer: Issuer) -> None:
    nested = base64.urlsafe_b64encode(b"[" * 8000).rstrip(b"=").decode()
    assert (await refusal(tokens_of(issuer), f"{nested}.{part({})}.x")).status == 401


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> KeySet:
    return KeySet(issuer.url, None, clock)


async def test_a_new_key_is_fetched_when_it_is_first_named(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    assert await keys.key("first")
    issuer.add("second")
    assert await keys.key("second") is None, "asked a moment ago"
    clock.now += jwks.AGAIN
    assert await keys.key("second")
    assert issuer.asked == 2


async def test_unknown_keys_make_no_storm(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    for number in range(100):
        assert await keys.key(f"made up {number}") is None
    assert issuer.asked == 1


async def test_a_withdrawn_key_goes_with_the_age_of_the_set(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    assert await keys.key("first")
    issuer.add("second")
    del issuer.keys["first"]
    clock.now += jwks.MAX_AGE
    assert await asyncio.gather(keys.key("first"), keys.key("first")) == [None, None], "however long nobody asked"
    assert await keys.key("second")
    assert issuer.asked == 2


async def test_a_token_is_not_known_for_longer_than_the_key_that_signed_it(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, clock = tokens_of(issuer), Clock()
    tokens._keys = KeySet(issuer.url, None, clock)
    await tokens.caller(issuer.token(sub="an earlier one").encode())
    clock.now += jwks.MAX_AGE - 1
    token = issuer.token().encode()
    await tokens.caller(token)
    issuer.add("second")
    del issuer.keys["first"]
    clock.now += 2
    later = time.time() + 2
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(ApiError, match="its signing key is not one of its issuer's"):
        await tokens.caller(token)


async def test_the_last_set_is_kept_while_the_issuer_is_away(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
    assert await keys.key("first")
    issuer.broken = True
    clock.now += jwks.MAX_AGE
    assert await keys.key("first")
    clock.now += jwks.AGAIN
    assert await keys.key("first")
    assert keys._fetching, "it is asked again, and nobody waits for it"
    await _fetched(keys)
    assert issuer.asked == 3


async def _fetched(keys: KeySet) -> None:
    if keys._fetching is not None:
        await keys._fetching


async def test_an_issuer_that_never_answered_is_told_from_a_wrong_token(issuer: Issuer) -> None:
    issuer.broken = True
    refused = await refusal(tokens_of(issuer), issuer.token())
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    "body", ["[]", "{", '{"keys": 1}', '{"keys": [1, {"kty": "oct", "k": "AAAA", "kid": "first"}]}', "x" * 300_000]
)
async def test_a_key_set_that_is_none_is_not_taken(body: str, clock: Clock) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body)

    app = web.Application()
    app.router.add_get("/keys", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.raises(ApiError, match="does not say its keys") as refused:
            await KeySet("http://issuer", f"http://127.0.0.1:{runner.addresses[0][1]}/keys", clock).key("first")
        assert refused.value.status == 503
    finally:
        await runner.cleanup()


def test_a_key_is_used_as_it_says() -> None:
    issuer = Issuer()
    issuer.add("first", "RS256")
    (described,) = issuer.key_set()["keys"]
    described.pop("alg", None)
    assert "PS256" in IssuerKey(described).algorithms
    assert IssuerKey({**described, "alg": "RS256"}).algorithms == ["RS256"]
    for wrong in ({"use": "enc"}, {"alg": "HS256"}, {"kty": "oct"}, {"n": "!"}):
        with pytest.raises(ValueError, match=r".+"):
            IssuerKey({**described, **wrong})


async def test_a_verified_token_is_known_until_it_expires(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = tokens_of(issuer)
    token = issuer.token().encode()
    first = await tokens.caller(token)
    monkeypatch.setattr(tokens, "_verified", _never)
    assert await tokens.caller(token) is first
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(AssertionError, match="verified"):
        await tokens.caller(token)


async def _never(token: bytes) -> dict[str, Any]:
    raise AssertionError("verified once more")


@pytest.mark.parametrize("value", [None, "", True, ["a"], {"a": 1}])
async def test_a_token_without_its_database_is_refused(issuer: Issuer, value: object) -> None:
    refused = await refusal(tokens_of(issuer, jwt_database_claim="store"), issuer.token(store=value))
    assert (refused.status, "'store'" in refused.message) == (403, True)


@pytest.mark.parametrize(
    ("value", "begins"),
    [
        ("ada", "user-ada-"),
        ("Ada Löve@example.org", "user-ada-love-example-org-"),
        ("../../etc", "user-etc-"),
        ("用户", "user-"),
        ("x" * 1000, "user-" + "x" * 40 + "-"),
        ("\ud800", "user-"),
    ],
)
def test_a_database_has_a_name_that_chroma_takes(value: str, begins: str) -> None:
    name = database_name(value)
    assert name.startswith(begins)
    assert name == database_name(value)
    assert len(name) <= 80
    assert all(c.isascii() and (c.isalnum() or c == "-") for c in name)


def test_no_two_values_share_a_database() -> None:
    values = ["ada", "Ada", "ADA", "a-d-a", "ada ", "ädä", "ada-", "", "-", "用户", "用戶", "1", "01"]
    assert len({database_name(value) for value in values}) == len(values)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"jwt_issuer": "https://issuer"}, "JWT_AUDIENCE: missing"),
        ({"jwt_issuer": "issuer", "jwt_audience": "a"}, "JWT_ISSUER: 'issuer' is not"),
        ({"jwt_issuer": "https://i", "jwt_audience": "a", "jwt_jwks_url": "file:///keys"}, "JWT_JWKS_URL"),
        ({"jwt_database_claim": "sub", "engine_database": "one"}, "JWT_DATABASE_CLAIM: users cannot have"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, str], words: str) -> None:
    make: Callable[..., Settings] = Settings
    with pytest.raises(ValueError, match=words):
        make(**settings)
