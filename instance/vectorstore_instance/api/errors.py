"""Errors of the text routes in Chroma's shape, wherever they come from."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from vectorstore_instance.core.errors import ApiError, failed, malformed
from vectorstore_instance.core.exchange import exchange_of

SHOWN = 80
"""Characters of a wrong value that an error repeats."""

_TELLING = {"value_error", "missing"}
"""Kinds of errors whose message needs no value beside it."""


_WHERE = "Invalid where clause"
_WHERE_REMEDY = (
    f'{_WHERE}: write {{"key": value}}, or {{"key": {{"$gte": value}}}} with one of $eq, $ne, $gt, $gte, $lt, $lte, '
    '$in, $nin, $contains and $not_contains; several as {"$and": [{...}, {...}]} or {"$or": [{...}, {...}]}'
)
"""What Chroma says of any filter that is wrong, and what helps."""


def shape(app: FastAPI) -> None:
    """Makes an application answer every error in that shape."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, problem: ApiError) -> Response:
        return _answer(request, problem)

    @app.exception_handler(RequestValidationError)
    async def wrong_body(request: Request, problem: RequestValidationError) -> Response:
        return _answer(request, describe(problem.errors()))

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, problem: HTTPException) -> Response:
        return _answer(request, _no_route(f"{request.method} {request.url.path}", problem))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it

    @app.exception_handler(Exception)
    async def broken(request: Request, _: Exception) -> Response:
        # Starlette raises the exception once more after this answer, for the log.
        return _answer(request, failed())


def _answer(request: Request, error: ApiError) -> Response:
    if error.message == _WHERE:
        error = ApiError(error.status, error.error, _WHERE_REMEDY, error.headers)
    exchange = exchange_of(request.scope)
    exchange.error, exchange.message = error.error, error.message
    return Response(error.body, error.status, error.headers, "application/json")


def _no_route(here: str, problem: HTTPException) -> ApiError:
    headers = dict(problem.headers or {})
    match problem.status_code:
        case HTTPStatus.NOT_FOUND:
            message = f"{here} is not a route of this store; /docs lists them"
            return ApiError(problem.status_code, "NotFoundError", message, headers)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            message = f"{here}: the route has another method; /docs says which"
            return ApiError(problem.status_code, "InvalidArgumentError", message, headers)
        case _:
            return ApiError(problem.status_code, "InvalidArgumentError", problem.detail, headers)


def describe(errors: Sequence[Any]) -> ApiError:
    """What is wrong with a body: field, rule and value of the first three of pydantic's errors."""
    told = "; ".join(_describe(error) for error in errors[:3])
    more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
    return malformed(told + more)


def _describe(error: dict[str, Any]) -> str:
    field = _field(error["loc"])
    where = f"{field}: " if field else ""
    if error["type"] == "extra_forbidden":
        return f"{where}not a field of this route; leave it out"
    rule: str = error["msg"].removeprefix("Value error, ")
    rule = rule[:1].lower() + rule[1:]
    if error["type"] in _TELLING:
        return where + rule
    value = repr(error["input"])
    return f"{where}{rule}, not {value if len(value) <= SHOWN else value[:SHOWN] + '...'}"


def _field(loc: Sequence[str | int]) -> str:
    """`documents[3]` for ("body", "documents", 3); the body itself has no name."""
    parts = loc[1:] if loc and loc[0] == "body" else loc
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
