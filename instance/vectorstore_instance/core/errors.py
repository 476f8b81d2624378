"""One shape for every refusal: `{"error": CLASS, "message": TEXT}`, as Chroma's clients read it.

`chromadb.HttpClient` turns `error` into the exception class of that name; a message names the field,
the value and the remedy.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

MOST = 1000
"""Characters of a message: some repeat what was sent."""


class ApiError(Exception):
    """A request that is answered with an error; raised anywhere, rendered once per face."""

    def __init__(self, status: int, error: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message if len(message) <= MOST else f"{message[:MOST]}..."
        self.headers = headers or {}

    @property
    def body(self) -> bytes:
        """The JSON that goes over the wire."""
        return msgspec.json.encode({"error": self.error, "message": self.message})


def invalid(message: str) -> ApiError:
    """400: well-formed, and cannot be done as it stands."""
    return ApiError(HTTPStatus.BAD_REQUEST, "InvalidArgumentError", message)


def malformed(message: str) -> ApiError:
    """422: not the shape the route takes."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "InvalidArgumentError", message)


def unauthorized(message: str) -> ApiError:
    """401: no key, or not one of this store's."""
    return ApiError(HTTPStatus.UNAUTHORIZED, "AuthorizationError", message, {"www-authenticate": "Bearer"})


def forbidden(message: str) -> ApiError:
    """403: a key that may not do this."""
    return ApiError(HTTPStatus.FORBIDDEN, "AuthError", message)


def not_found(message: str) -> ApiError:
    """404: nothing of that name."""
    return ApiError(HTTPStatus.NOT_FOUND, "NotFoundError", message)


def already_there(id_: str) -> ApiError:
    """409: an id that was to be new."""
    return ApiError(
        HTTPStatus.CONFLICT, "UniqueConstraintError", f"ids: {id_!r} is there already; upsert updates documents"
    )


def conflict(message: str, retry_after: int | None = None) -> ApiError:
    """409: not while something else is as it is; that may be over after so many seconds."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return ApiError(HTTPStatus.CONFLICT, "ChromaError", message, headers)


def too_large(message: str) -> ApiError:
    """413: more bytes or rows in one request than the limits allow."""
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "InvalidArgumentError", message)


def too_many(message: str, retry_after: int = 1) -> ApiError:
    """429 as Chroma's RateLimitError: the same request can be sent again after so many seconds."""
    return ApiError(HTTPStatus.TOO_MANY_REQUESTS, "RateLimitError", message, {"retry-after": str(retry_after)})


def too_slow(message: str) -> ApiError:
    """408: a request that did not arrive in time; the rest of it is not waited for."""
    return ApiError(HTTPStatus.REQUEST_TIMEOUT, "ChromaError", message, {"connection": "close"})


def no_room(message: str) -> ApiError:
    """507: what the store runs on is as full as it may be; nothing was written."""
    return ApiError(HTTPStatus.INSUFFICIENT_STORAGE, "InternalError", message)


def over_quota(message: str) -> ApiError:
    """429 as Chroma's QuotaError: the store is as full as its quota lets it be."""
    return ApiError(HTTPStatus.TOO_MANY_REQUESTS, "QuotaError", message)


def unavailable(message: str, retry_after: int = 1) -> ApiError:
    """503: the engine is not there at the moment; safe requests may be sent again."""
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "InternalError", message, {"retry-after": str(retry_after)})


def because(reason: str, error: ApiError) -> ApiError:
    """The same with its reason in one word, for programs: header `x-vectorstore-reason`."""
    error.headers["x-vectorstore-reason"] = reason
    return error


def failed() -> ApiError:
    """500: a fault of ours, of which a user learns no more than where to look."""
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "this failed; the log says why")


class _Answer(msgspec.Struct):
    error: str = ""


_answer = msgspec.json.Decoder(_Answer)


def error_class(body: bytes) -> str:
    """The class in an error that somebody else answered with, in 64 characters at most; empty where it has none."""
    try:
        return _answer.decode(body).error[:64]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
