"""What the engine answered: its own bytes, forwarded without being read."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from vectorstore_instance.core.errors import ApiError


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: tuple[tuple[str, str], ...] = ()
    """Of the engine's other headers, those that its caller shall see: Retry-After."""

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return self.status < 400

    def unwrap(self) -> bytes:
        """The body of a success.

        Raises:
            ApiError: the engine's own error: status, class and headers are kept.
        """
        if self.ok:
            return self.body
        try:
            error = msgspec.json.decode(self.body, type=dict[str, str])
        except msgspec.DecodeError:
            error = {}
        raise ApiError(
            self.status,
            error.get("error", "InternalError"),
            error.get("message", f"the engine answered {self.status}"),
            dict(self.headers),
        )
