"""`/admin/reload`: keys and limits put in force before the mounted files show them.

A mount may take minutes to follow its Secret or ConfigMap; a revoked key must not live that long. What
is pushed counts at once and until the files show the same generation or a newer one. Nothing of it is
kept: a restart reads the files.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from pydantic import ValidationError

from vectorstore_instance.api.asgi import Receive
from vectorstore_instance.core.errors import ApiError, invalid, malformed, too_large
from vectorstore_instance.core.keys import DIGEST, Keyring
from vectorstore_instance.core.roles import Role
from vectorstore_instance.core.watched import Editions, Outdated
from vectorstore_instance.instance import Instance
from vectorstore_instance.settings import Limits

PATH = "/admin/reload"
LARGEST = 1 << 20
"""Bytes of a body."""

Digest = Annotated[str, msgspec.Meta(pattern=f"^{DIGEST.pattern}$")]


class _Keys(msgspec.Struct, forbid_unknown_fields=True):
    """One edition of the keys: every digest that is valid from now on, by role."""

    generation: Annotated[int, msgspec.Meta(ge=1)]
    digests: dict[Role, list[Digest]]
    """A role that is left out keeps the keys it has."""


class _Push(msgspec.Struct, forbid_unknown_fields=True):
    """What is pushed: either, or both together."""

    keys: _Keys | None = None
    limits: msgspec.Raw = msgspec.Raw()


def in_force(instance: Instance) -> dict[str, Any]:
    """Which editions count, and where they come from."""
    both: dict[str, Editions[Any]] = {"keys": instance.keys.editions, "limits": instance.limits}
    return {
        name: {"generation": editions.current.generation, "from": "push" if editions.pushed else "files"}
        for name, editions in both.items()
    }


async def reload(instance: Instance, receive: Receive) -> dict[str, Any]:
    """Puts in force what a request brings, all of it or nothing; answers what counts then.

    Raises:
        ApiError: 400, 413 and 422 the body is wrong, 409 what it brings is older than what is in force.
    """
    try:
        push = msgspec.json.decode(await _body(receive), type=_Push)
    except msgspec.ValidationError as problem:  # its messages repeat no values
        raise malformed(str(problem)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise invalid(f"the body is not JSON: {problem}") from None
    keyring = _keyring(instance, push.keys) if push.keys else None
    limits = _limits(push.limits) if bytes(push.limits) else None
    if keyring is None and limits is None:
        raise malformed("keys, limits: neither is there; send at least one")
    try:
        _check(instance.keys.editions, keyring, "keys")
        _check(instance.limits, limits, "limits")
    except Outdated as problem:
        raise ApiError(HTTPStatus.CONFLICT, "ChromaError", f"{problem}; push a newer one") from None
    if keyring:
        instance.keys.editions.push(keyring)
    if limits:
        instance.limits.push(limits)
    return in_force(instance)


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        body += part
        if len(body) > LARGEST:
            raise too_large(f"the body has {len(body)} bytes or more, and {LARGEST} are allowed")
        if not message.get("more_body"):  # nor has the end of a connection that broke
            return body


def _keyring(instance: Instance, pushed: _Keys) -> Keyring:
    new = {role: frozenset(digests) for role, digests in pushed.digests.items()}
    keyring = Keyring(pushed.generation, {**instance.keys.editions.current.digests, **new})
    if not keyring.opens:
        raise malformed("keys.digests: no key would be left in read-write or read-only; name one")
    if not keyring.digests[Role.ADMIN]:
        raise malformed("keys.digests.admin: none would be left to push with; name one")
    return keyring


def _limits(raw: msgspec.Raw) -> Limits:
    try:
        return Limits.model_validate_json(bytes(raw))
    except ValidationError as problem:
        first = problem.errors()[0]
        field = ".".join(("limits", *map(str, first["loc"])))
        raise malformed(f"{field}: {first['msg']}, not {first['input']!r}") from None


def _check(editions: Editions[Any], edition: Any, name: str) -> None:
    if edition is not None:
        try:
            editions.check(edition)
        except Outdated as problem:
            raise Outdated(f"{name}.{problem}") from None
