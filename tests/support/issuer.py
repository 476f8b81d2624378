"""A token issuer on loopback: an HTTP server with a discovery document, a key set, and fresh keys to sign with."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "the-store"


class Issuer:
    """What it publishes and signs; `keys` maps ids to (private key, algorithm)."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: dict[str, tuple[Any, str]] = {}
        self.asked = 0
        """How often its key set was fetched."""
        self.broken = False
        """Whether it answers with errors."""
        self.add("first")

    def add(self, id_: str, algorithm: str = "ES256") -> None:
        """Makes and publishes a key."""
        self.keys[id_] = (_fresh(algorithm), algorithm)

    def token(self, kid: str = "first", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that is good for reading and writing, but for what `claims` changes; None leaves one out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "exp": now + 600, "scope": "vectorstore.write"}
        key, algorithm = self.keys[kid]
        content = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(content, key, algorithm, {"kid": kid, **(headers or {})})

    def key_set(self) -> dict[str, Any]:
        return {"keys": [_described(id_, key, algorithm) for id_, (key, algorithm) in self.keys.items()]}

    def app(self) -> web.Application:
        async def discovery(_: web.Request) -> web.Response:
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

        async def keys(_: web.Request) -> web.Response:
            self.asked += 1
            return web.json_response(self.key_set(), status=500 if self.broken else 200)

        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", discovery)
        app.router.add_get("/keys", keys)
        return app

    async def serve(self) -> web.AppRunner:
        runner = web.AppRunner(self.app())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner


@contextmanager
def served(issuer: Issuer) -> Iterator[Issuer]:
    """The issuer on a thread of its own, for tests without an event loop."""
    loop = asyncio.new_event_loop()
    runner = loop.run_until_complete(issuer.serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield issuer
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _fresh(algorithm: str) -> Any:
    match algorithm:
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case _:
            return rsa.generate_private_key(65537, 2048)


def _described(id_: str, key: Any, algorithm: str) -> dict[str, Any]:
    kinds = {"R": RSAAlgorithm, "P": RSAAlgorithm, "E": OKPAlgorithm if algorithm == "EdDSA" else ECAlgorithm}
    return {**kinds[algorithm[0]].to_jwk(key.public_key(), as_dict=True), "kid": id_, "use": "sig"}
