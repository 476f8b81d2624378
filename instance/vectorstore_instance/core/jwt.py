"""Tokens that an OpenID provider issued, beside keys: Cognito, Azure, Keycloak and whoever speaks JWT.

A token is good here when the issuer's key signed it, it is for this audience and its time is now. Its
scopes make the role; a claim may choose a Chroma database that is its bearer's alone. What was
verified is remembered by digest while the key set is fresh, so that a token costs as much as a key.
"""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from typing import Any

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

from vectorstore_instance.core.errors import ApiError, forbidden, unauthorized
from vectorstore_instance.core.exchange import Caller
from vectorstore_instance.core.jwks import ALGORITHMS, KeySet
from vectorstore_instance.core.roles import Role
from vectorstore_instance.settings import Settings

LEEWAY = 30
"""Seconds that clocks may differ."""
LARGEST = 16 << 10
"""Bytes of a token."""
REMEMBERED = 10_000
"""Verified tokens at a time."""

_ALGORITHMS = {name for names in ALGORITHMS.values() for name in names}
_WRONG: dict[type[Exception], str] = {
    ExpiredSignatureError: "it has expired; get a new one",
    ImmatureSignatureError: "it is not valid yet (nbf, iat); is a clock wrong?",
    InvalidIssuerError: "another issuer made it (iss)",
    InvalidSignatureError: "its signature does not match its issuer's key",
    MissingRequiredClaimError: "it must say when it expires and who issued it (exp, iss)",
}


class IssuedTokens:
    """The tokens of one issuer."""

    def __init__(self, settings: Settings) -> None:
        """
        Args:
            settings: `jwt_issuer` and `jwt_audience` are there.
        """
        self._settings = settings
        self._keys = KeySet(settings.jwt_issuer or "", settings.jwt_jwks_url)
        self._known: dict[bytes, tuple[Caller, float]] = {}

    async def caller(self, token: bytes) -> Caller:
        """Whose token this is; see `access.Tokens`."""
        asked = hashlib.sha256(token).digest()
        known = self._known.get(asked)
        now = time.time()
        if known is not None and now < known[1]:
            return known[0]
        claims = await self._verified(token)
        caller = self._caller(claims)
        self._remember(asked, caller, min(int(claims["exp"]), now + self._keys.fresh))
        return caller

    def _remember(self, asked: bytes, caller: Caller, until: float) -> None:
        self._known.pop(asked, None)
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]  # the oldest
        self._known[asked] = caller, until

    async def _verified(self, token: bytes) -> dict[str, Any]:
        if len(token) > LARGEST:
            raise _refused(f"it has more than {LARGEST} bytes")
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("alg")) not in _ALGORITHMS:
                raise _refused(f"its algorithm is none of {', '.join(sorted(_ALGORITHMS))}")
            key = await self._keys.key(header.get("kid"))
            if key is None:
                raise _refused("its signing key is not one of its issuer's (kid)")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=key.algorithms,
                issuer=self._settings.jwt_issuer,
                leeway=LEEWAY,
                options={
                    "require": ["exp", "iss"],
                    "verify_aud": False,  # see `_is_for`
                    "enforce_minimum_key_length": True,
                },
            )
        except (PyJWTError, RecursionError) as problem:
            raise _refused(_WRONG.get(type(problem), "it is not a token that can be verified")) from None
        if not self._is_for(claims):
            raise _refused(f"it is for another audience than {self._settings.jwt_audience!r} (aud)")
        return claims

    def _is_for(self, claims: dict[str, Any]) -> bool:
        # Cognito's access tokens have no `aud`; the application they were made for is their `client_id`.
        audience = claims["aud"] if "aud" in claims else claims.get("client_id")
        return self._settings.jwt_audience in (audience if isinstance(audience, list) else [audience])

    def _caller(self, claims: dict[str, Any]) -> Caller:
        settings = self._settings
        name = _shown(str(claims.get("sub") or claims.get("client_id") or "token"))
        scopes = _scopes(claims.get(settings.jwt_scope_claim))
        if settings.jwt_write_scope in scopes:
            role = Role.READ_WRITE
        elif settings.jwt_read_scope in scopes:
            role = Role.READ_ONLY
        else:
            raise forbidden(
                f"the token has neither scope {settings.jwt_read_scope!r} nor {settings.jwt_write_scope!r} "
                f"in its claim {settings.jwt_scope_claim!r}; have its issuer grant one"
            )
        return Caller(role, name, self._database(claims))

    def _database(self, claims: dict[str, Any]) -> str | None:
        claim = self._settings.jwt_database_claim
        if claim is None:
            return None
        value = claims.get(claim)
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise forbidden(f"the token has no text or number in its claim {claim!r}, which selects its database")
        return database_name(str(value))


def database_name(value: str) -> str:
    """The Chroma database of one value of a claim: what can be read of it, and a digest, so that no two share one.

    Chroma's names have 3 to 512 characters of [a-zA-Z0-9._-], the first and last of [a-zA-Z0-9].
    """
    ascii_ = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_).strip("-")[:40].strip("-")
    return "-".join(filter(None, ("user", slug, hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()[:32])))


def _scopes(claim: object) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    return [scope for scope in claim if isinstance(scope, str)] if isinstance(claim, list) else []


def _shown(subject: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in subject[:128])


def _refused(why: str) -> ApiError:
    return unauthorized(f"the token is not valid here: {why}")
