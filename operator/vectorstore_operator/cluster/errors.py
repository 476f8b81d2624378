"""How requests to the API server fail: one class for each way of going on."""

from __future__ import annotations

import json
from typing import Any


class ClusterError(Exception):
    """A request that failed. `Transient` unless a subclass says more."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the API server asks to wait."""
        self.child: str | None = None
        """Kind and name of the child that could not be written, if it was one."""


class Transient(ClusterError):
    """5xx, a broken connection, a time-out: the same request may succeed later."""


class Unauthorized(Transient):
    """401: the credentials are not taken; a pod's are renewed by the kubelet, so it may succeed later."""


class Throttled(ClusterError):
    """429: `retry_after` seconds are asked for."""


class Conflict(ClusterError):
    """409: the object exists, or changed since it was read."""


class Invalid(ClusterError):
    """400 or 422: this request will never succeed."""


class Forbidden(ClusterError):
    """403: missing permission, an exhausted ResourceQuota."""


class Terminating(ClusterError):
    """403 because the namespace is going away, and the store with it."""


class NotFound(ClusterError):
    """404: no such object, or no such kind."""


class Gone(ClusterError):
    """410: the watch is too far behind; list again."""


class NotLeading(ClusterError):
    """The lease ran out before this write: nothing was sent."""


_BY_STATUS: dict[int, type[ClusterError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: Throttled,
}


def from_answer(status: int, body: bytes, retry_after: str | None, what: str) -> ClusterError:
    """The error that an answer stands for.

    Args:
        status: of HTTP.
        body: a Status object as JSON, or anything a proxy in between may say.
        retry_after: that header.
        what: the request, for the message.
    """
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    message = told.get("message") if isinstance(told, dict) else body[:200].decode(errors="replace").strip()
    causes = ((told.get("details") or {}).get("causes") or ()) if isinstance(told, dict) else ()
    if status == 403 and any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return Terminating(f"{what}: {message}")
    return from_status({"code": status, "message": f"{what}: {message or status}"}, retry_after)


def from_status(status: dict[str, Any], retry_after: str | None = None) -> ClusterError:
    """The error that a Status object stands for."""
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    return _BY_STATUS.get(status.get("code", 0), Transient)(status.get("message", ""), wait)
