"""The public keys of a token issuer: fetched, kept, and fetched again when they are old or one is missing.

An issuer changes its keys by publishing the next one and then signing with it. So a key that is not
known makes a reason to look again, but not more often than every few seconds: the one who names it may
be anybody. While the issuer is away the last good set is kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from vectorstore_instance.core.errors import unavailable

log = logging.getLogger(__name__)

MAX_AGE = 300.0
"""Seconds after which the set is fetched again."""
AGAIN = 5.0
"""Seconds between two attempts."""
TIMEOUT = aiohttp.ClientTimeout(total=5)
LARGEST = 256 << 10
"""Bytes of a document of the issuer's."""
DISCOVERY = "/.well-known/openid-configuration"

ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
    "Ed448": ("EdDSA",),
}
"""What a key may sign with, by its type or curve: asymmetric signatures and no others."""


class IssuerKey:
    """One public key, and the algorithms it may be used with."""

    def __init__(self, described: dict[str, Any]) -> None:
        """
        Args:
            described: a JWK (RFC 7517).

        Raises:
            ValueError: not a key for signatures of a kind that is taken here.
        """
        kind = described.get("kty") if described.get("kty") == "RSA" else described.get("crv")
        allowed = ALGORITHMS.get(str(kind), ())
        named = described.get("alg")
        self.algorithms = [algorithm for algorithm in allowed if named in (None, algorithm)]
        if described.get("use", "sig") != "sig" or not self.algorithms:
            raise ValueError("not a key for signatures")
        try:
            self.key = PyJWK(described, self.algorithms[0]).key
        except (PyJWTError, ValueError, TypeError, KeyError) as problem:
            raise ValueError(str(problem)) from None


class KeySet:
    """The keys of one issuer."""

    def __init__(self, issuer: str, url: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            issuer: as tokens name it; its discovery document says where the keys are.
            url: where the keys are, for issuers without one.
            clock: seconds that only grow.
        """
        self._issuer = issuer
        self._url = url
        self._clock = clock
        self._keys: dict[str, IssuerKey] = {}
        self._fetched = self._tried = -MAX_AGE
        self._fetching: asyncio.Task[None] | None = None
        self._problem = ""

    @property
    def fresh(self) -> float:
        """Seconds for which the set is good without looking again."""
        return max(0.0, self._fetched + MAX_AGE - self._clock())

    async def key(self, id_: str | None) -> IssuerKey | None:
        """The key of that id, or the only one where a token names none; None where there is no such key.

        Raises:
            ApiError: 503 no set has been fetched yet.
        """
        now = self._clock()
        found = self._find(id_)
        away = self._tried > self._fetched and now - self._tried < MAX_AGE
        if found is not None and (self.fresh > 0 or away):
            if not self.fresh and now - self._tried >= AGAIN:
                self._fetch()  # nobody waits for it: the last set is good while the issuer is away
            return found
        if self._fetching is not None or now - self._tried >= AGAIN:
            await asyncio.shield(self._fetch())
        if not self._keys:
            raise unavailable(f"the token's issuer does not say its keys at the moment: {self._problem}", retry_after=5)
        return self._find(id_)

    def _find(self, id_: str | None) -> IssuerKey | None:
        if id_ is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(id_)

    def _fetch(self) -> asyncio.Task[None]:
        """The attempt under way, or a new one."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._refresh())
        return self._fetching

    async def _refresh(self) -> None:
        try:
            async with aiohttp.ClientSession(timeout=TIMEOUT, trust_env=True) as session:
                self._keys = _usable(await _json(session, self._url or await self._discovered(session)))
            self._fetched = self._tried = self._clock()
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            self._tried = self._clock()
            self._problem = str(problem) or "no answer in time"
            log.warning("the keys of %s could not be fetched: %s", self._issuer, self._problem)
        finally:
            self._fetching = None

    async def _discovered(self, session: aiohttp.ClientSession) -> str:
        document = await _json(session, self._issuer.rstrip("/") + DISCOVERY)
        url = document.get("jwks_uri")
        if document.get("issuer") != self._issuer or not isinstance(url, str):
            raise ValueError(f"its {DISCOVERY} is not that of {self._issuer}: issuer and jwks_uri must be there")
        return url


async def _json(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise ValueError(f"{url} answered {response.status}")
        body = await response.content.read(LARGEST + 1)
        while len(body) <= LARGEST and (more := await response.content.read(LARGEST + 1 - len(body))):
            body += more
    if len(body) > LARGEST:
        raise ValueError(f"{url} sent more than {LARGEST} bytes")
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{url} sent no JSON object: {problem}") from None


def _usable(document: dict[str, Any]) -> dict[str, IssuerKey]:
    """The keys of a set that are for signatures and of a kind known here, by their ids."""
    keys = {}
    listed = document.get("keys")
    for number, described in enumerate(listed if isinstance(listed, list) else ()):
        try:
            keys[str(described.get("kid", number))] = IssuerKey(described)
        except (ValueError, AttributeError) as problem:
            log.debug("a key of the issuer's is left out: %s", problem)
    if not keys:
        raise ValueError("its key set has no key for signatures with RS, PS, ES or EdDSA")
    return keys
