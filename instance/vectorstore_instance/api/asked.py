"""What the tenant asked for, as whoever looks after the store learns of it, and what that one tells back.

GET  /admin/usage     besides: "asked": [{"id": ..., "verb": "backup", "asked": ..., "verify": true}, ...]
POST /admin/backups   {"backups": [{"id": ..., "state": "completed", ...}], "outcomes": [{"id": ..., "state": ...}]}

Asked for is what nothing was told of yet, or no end of. What is told takes the place of all that was told before.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from vectorstore_instance.api.asgi import Receive, Scope, limited, read_body
from vectorstore_instance.core.errors import ApiError, invalid, malformed
from vectorstore_instance.instance import Instance
from vectorstore_instance.wishes import Told

PATH = "/admin/backups"
_LARGEST = 4 << 20


def shown(instance: Instance) -> dict[str, Any]:
    """What `/admin/usage` says of it: nothing where nothing is open."""
    wishes = instance.wishes.open if instance.wishes else []
    return {"asked": wishes} if wishes else {}


async def respond(instance: Instance, scope: Scope, receive: Receive) -> bytes:
    """Takes in what a request tells, which has shown the admin key; answers what is open then.

    Raises:
        ApiError: 400, 413, 422 the body is wrong, 501 the store keeps no data, 507 the disk is full.
    """
    if instance.wishes is None:
        raise ApiError(HTTPStatus.NOT_IMPLEMENTED, "ChromaError", "this instance holds no files: tell its leader")
    try:
        told = msgspec.json.decode(await read_body(limited(receive, scope, _LARGEST)), type=Told)
    except msgspec.ValidationError as problem:
        raise malformed(str(problem)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise invalid(f"the body is not JSON: {problem}") from None
    await instance.wishes.tell(told)
    return msgspec.json.encode({"asked": instance.wishes.open})
