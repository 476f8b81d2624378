"""A store of this machine as it is: its record, its process, what its instance says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vectorstore_operator.local import Problem, process
from vectorstore_operator.local.folder import Folder, Home
from vectorstore_operator.local.wanted import Record


def describe(home: Home, name: str) -> dict[str, Any]:
    """A store as `vectorstore get` shows it.

    Raises:
        Problem: there is no store of that name.
    """
    folder, record = existing(home, name)
    running = process.is_running(folder.path)
    run = process.read_run(folder.path) if running else process.Run()
    key = (folder.key("read-only") or folder.key("read-write")) if run.pid else None
    usage = process.read_usage(record.url, key) if key else None
    stopped = "Hibernated" if record.spec.hibernated else "Stopped"
    state = stopped if not running else "Ready" if usage else "NotReady"
    return {
        "name": record.name,
        "resource": record.name,
        "namespace": record.namespace,
        "state": state,
        "plan": record.plan,
        "model": record.settings.model_name,
        "documents": usage["documents"] if usage else None,
        "limit": record.limits.max_documents,
        "bytes": usage["bytes"] if usage else None,
        "collections": usage["collections"] if usage else None,
        "paused": bool(record.spec.paused),
        "url": record.url,
        "managementUrl": record.management_url,
        "readWriteKeyFile": str(folder.key_file("read-write")),
        "readOnlyKeyFile": str(folder.key_file("read-only")),
        "adminKeyFile": str(folder.key_file("admin")),
        "pid": run.pid,
        "restarts": run.restarts,
        "dataDir": str(record.settings.data_dir),
        "logFile": str(folder.log),
    }


def authority(home: Home, name: str) -> str | None:
    """The file with what signed the certificate of a store that speaks TLS.

    Raises:
        Problem: there is no store of that name.
    """
    folder = existing(home, name)[1].settings.tls_dir
    return str(next(filter(Path.exists, [folder / "ca.crt"]), folder / "tls.crt")) if folder else None


def existing(home: Home, name: str) -> tuple[Folder, Record]:
    """A store's folder and record.

    Raises:
        Problem: there is no store of that name.
    """
    folder = home.folder(name)
    record = folder.read_record()
    if record is None:
        known = ", ".join(home.names()) or "none"
        raise Problem(f"there is no store {name!r} in {home.path}; there are: {known}")
    return folder, record
