"""Keys: plain text for the tenant, digests for the pods, and tokens that are derived and stored nowhere.

Key material is never applied. `<store>-credentials` is built here from keys its caller made, created
once and left alone; what is found in it is rendered into `<store>-keys`, which the pods mount. In a
key file every line is valid: a key, or `sha256:` and the hex SHA-256 of its UTF-8 bytes. The file
`generation` numbers the editions.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from vectorstore_operator import names
from vectorstore_operator.keys import keybook
from vectorstore_operator.keys.holder import Holder
from vectorstore_operator.keys.secretdata import decoded, encoded
from vectorstore_operator.objects import Children, Object, belongs
from vectorstore_operator.plan import Resolved
from vectorstore_operator.render import binding
from vectorstore_operator.render.editions import EPOCH, edition
from vectorstore_operator.render.meta import child
from vectorstore_operator.render.platform import Platform

TENANT_FILES = keybook.ROLES
GENERATION = "generation"


def token(secret: bytes, purpose: str, uid: str) -> str:
    """A token between the operator and one store.

    Args:
        secret: the operator's own.
        purpose: `admin`, for the management port, or `internal`, for a store's pods among themselves.
        uid: the store's.

    Returns:
        HMAC-SHA256 of purpose and uid, in hex.
    """
    return hmac.new(secret, f"{purpose}:{uid}".encode(), hashlib.sha256).hexdigest()


def digest(key: str) -> str:
    """How a key file names a key without holding it."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def credentials(store: Resolved, read_write: str | None, read_only: str | None) -> Object:
    """The tenant's Secret, in the shape of https://servicebinding.io/spec/core/1.1.0/#well-known-secret-entries.

    Args:
        store: whose.
        read_write: key for everything a tenant may do; None where there is none.
        read_only: key for looking; likewise.
    """
    entries = {
        **binding.entries(store),
        "read-write": read_write,
        "read-only": read_only,
    }
    return child(
        store,
        "v1",
        "Secret",
        names.credentials(store.name),
        type="servicebinding.io/chroma",
        data={entry: encoded(value) for entry, value in entries.items() if value is not None},
    )


def reclaimed(live: Object, fresh: Object) -> Object | None:
    """The merge patch that gives live credentials the labels and the owner of fresh ones; None when they have them."""
    meta, stated = live["metadata"], fresh["metadata"]
    (owner,) = stated["ownerReferences"]
    labels = dict(stated["labels"].items() - (meta.get("labels") or {}).items())
    change: Object = {"labels": labels} if labels else {}
    if owner not in (references := meta.get("ownerReferences") or []):
        change["ownerReferences"] = [*(other for other in references if other["uid"] != owner["uid"]), owner]
    return {"metadata": change} if change else None


def digests(store: Holder, platform: Platform, children: Children, now: datetime = EPOCH) -> Object | None:
    """The pods' Secret; None while the store has no credentials, or not the Secret that it takes keys from."""
    live = children.get(("Secret", names.credentials(store.name)))
    source = store.asked.secret_name
    given = children.get(("Secret", source)) if source else None
    if live is None or not belongs(live, store.name, store.uid) or (source and given is None):
        return None
    files = {
        role: "".join(f"{digest(key)}\n" for key in keybook.valid(live, role, now, given)) for role in TENANT_FILES
    }
    files["admin"] = digest(token(platform.secret, "admin", store.uid)) + "\n"
    files["internal"] = token(platform.secret, "internal", store.uid) + "\n"
    data = {name: encoded(content) for name, content in files.items()}
    return child(
        store,
        "v1",
        "Secret",
        names.keys(store.name),
        type="Opaque",
        data=_numbered(data, children.get(("Secret", names.keys(store.name))), now),
    )


def _numbered(data: Object, live: Object | None, now: datetime) -> Object:
    """The data with its number. Keys that an earlier release rendered have none, and get one when they change."""
    given = dict((live or {}).get("data") or {})
    if given.pop(GENERATION, None) is None and given == data:
        return data
    text = decoded(live or {}, GENERATION).strip()
    number = int(text) if text.isdecimal() else None
    return data | {GENERATION: encoded(f"{edition(number, given == data, now)}\n")}
