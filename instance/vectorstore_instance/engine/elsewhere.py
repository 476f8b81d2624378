"""What engines have in common that are asked by URL: a store's leader, another Chroma server."""

from __future__ import annotations

from http import HTTPStatus

from vectorstore_instance.core.errors import ApiError, too_large, unavailable
from vectorstore_instance.engine import Known, Reply
from vectorstore_instance.engine.upstream import Upstream


class Elsewhere:
    """An engine behind an upstream."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    @property
    def ready(self) -> bool:
        """Whether it answered when it was last asked."""
        return self._upstream.there

    def glance(self, database: str, name: str) -> Known | None:
        """None: it has to be asked."""
        return None


def checked(reply: Reply) -> Reply:
    """An answer of the server itself, in Chroma's shape.

    Raises:
        ApiError: the server does not take the store's own key, or something before it or else answered.
    """
    if reply.status == HTTPStatus.UNAUTHORIZED:
        raise unavailable(
            "the store's engine refuses the store's own key; its owner sets ENGINE_TOKEN_FILE or ENGINE_HEADERS_FILE "
            "(spec.engine.remote) to one that it takes",
            retry_after=30,
        )
    redirects = HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST
    if reply.content_type.startswith(b"application/json") and not redirects:
        return reply
    if reply.ok:
        raise unavailable(
            f"the store's engine answers with {reply.status}, which is no answer of Chroma's; its owner sets "
            "ENGINE_URL (spec.engine.remote) to where a Chroma server answers",
            retry_after=30,
        )
    if reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise too_large("the store's engine takes no body of this size; send less at once")
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise unavailable(f"the store's engine is not served at the moment ({reply.status})", retry_after=5)
    message = f"the store's engine refused this: {reply.body[:200].decode(errors='replace')}"
    raise ApiError(reply.status, "InvalidArgumentError", message)
