"""A store's key files: made once, exchanged when the manifest asks for it, or taken from a folder of the user's.

In a key file every line is valid, and the instance reads it again within a second of a change. Nothing
runs here that could act at a later time, so what needs a calendar is refused.
"""

from __future__ import annotations

import base64
from pathlib import Path

from vectorstore_operator.api.keys import StoreKeys
from vectorstore_operator.keys import keybook, ownkeys
from vectorstore_operator.keys.secretdata import fresh_key
from vectorstore_operator.local import Problem
from vectorstore_operator.local.folder import Folder
from vectorstore_operator.local.wanted import Record
from vectorstore_operator.objects import Object


def check(wanted: Record, given: Path) -> None:
    """
    Args:
        wanted: the store.
        given: the folder of what Secrets are in a cluster.

    Raises:
        Problem: the keys cannot be as the spec says; names field, value and remedy.
    """
    asked = wanted.spec.keys or StoreKeys()
    if asked.rotate_every:
        raise Problem(
            f"{wanted.name}: spec.keys.rotateEvery: {asked.rotate_every}, and nothing runs on this machine that keeps "
            "a calendar; leave it out, and change spec.keys.rotate when it is time"
        )
    if asked.overlap_hours:
        raise Problem(
            f"{wanted.name}: spec.keys.overlapHours: {asked.overlap_hours}, and nothing runs on this machine that ends "
            "an overlap; leave it out, and change spec.keys.revoke when former keys are to end, or set it to 0"
        )
    if name := asked.secret_name:
        found = _given(given / name)
        if refusal := ownkeys.unusable(wanted.name, name, found):
            raise Problem(f"{wanted.name}: {refusal.message}; on this machine it is the folder {given / name}")


def bring_about(folder: Folder, before: Record | None, wanted: Record, given: Path) -> str | None:
    """Makes the key files what the spec says; tells what was done, None for nothing."""
    folder.make_keys()
    asked, former = wanted.spec.keys or StoreKeys(), (before and before.spec.keys) or StoreKeys()
    if asked.secret_name:
        secret = _given(given / asked.secret_name) or {}
        changed = [_write(folder, role, keybook.lines(secret, role)) for role in keybook.ROLES]
        return f"took its keys from {given / asked.secret_name}" if any(changed) else None
    if before is None:
        return None
    for role in keybook.ROLES:
        if former.secret_name and not folder.keys(role):
            _write(folder, role, [fresh_key()])
    if asked.revoke not in (None, former.revoke, before.revoked):
        return _exchange(folder, keep=False)
    if asked.rotate not in (None, former.rotate, before.rotated):
        return _exchange(folder, keep=asked.overlap_hours is None)
    return None


def _exchange(folder: Folder, *, keep: bool) -> str:
    for role in keybook.ROLES:
        _write(folder, role, [fresh_key(), *(folder.keys(role) if keep else ())])
    return f"has new keys; those before are {'valid until spec.keys.revoke changes' if keep else 'void'}"


def _write(folder: Folder, role: str, keys: list[str]) -> bool:
    if folder.keys(role) == keys:
        return False
    folder.write_keys(role, keys)
    return True


def _given(path: Path) -> Object | None:
    """A folder as the Secret that it stands for."""
    if not path.is_dir():
        return None
    files = [file for role in keybook.ROLES if (file := path / role).is_file()]
    return {"data": {file.name: base64.b64encode(file.read_bytes()).decode() for file in files}}
