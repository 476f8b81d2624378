"""The FastAPI application of the text routes, documented at `/docs`.

Keys, body size and Chroma's own API are dealt with before a request comes here: see `tenant`. Errors
of every origin leave in one shape.
"""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstore_instance import __version__
from vectorstore_instance.api import backups, documents, errors, simple, status, swagger
from vectorstore_instance.core.exchange import exchange_of
from vectorstore_instance.instance import Instance
from vectorstore_instance.models.answers import Error

DESCRIPTION = """
A private vector store: send texts, ask in your own words, get the documents nearest in meaning.

Press **Authorize** and enter a key of the store. Then try `POST /embed/` and `POST /search/`, or upload a file of
your own with `POST /api/v1/database/create` and ask it: the examples work as they are.

The same data is served over **Chroma's API** at `/api/v2`, for Chroma's clients and everything built on them:
`chromadb.HttpClient(host, port, headers={"x-chroma-token": KEY})`.
"""

TAGS = [
    {"name": "Documents", "description": "Whole files: read, divided into passages, and found again by what they say."},
    {"name": "Search", "description": "Texts, in one collection that the first of them makes. The way to begin."},
    {"name": "Collections", "description": "As many as there are kinds of documents."},
    {
        "name": backups.TAG,
        "description": "Backups of the whole store, where its plan lets holders of keys ask for them.",
    },
    {"name": "Status", "description": "Whether the store serves, what it holds and may hold."},
]

SLASHED = frozenset({"/embed", "/search", "/delete", "/healthz"})
"""Routes written with a slash at the end; the others have none."""

KEY = [
    Depends(HTTPBearer(scheme_name="Bearer", auto_error=False, description="A key of the store.")),
    Depends(
        APIKeyHeader(
            name="X-Chroma-Token",
            scheme_name="X-Chroma-Token",
            auto_error=False,
            description="The same key, as Chroma's clients send it.",
        )
    ),
]
"""For the documentation only: keys were checked before."""


def create_app(instance: Instance) -> FastAPI:
    """The application of one instance. `exchange_of(scope)` says whose request it is."""
    app = FastAPI(
        title="Vector store",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": Error, "description": "Refused: the message says why and what to do."}},
    )
    app.state.instance = instance
    app.include_router(documents.orders, dependencies=KEY)
    app.include_router(documents.databases, dependencies=KEY)
    app.include_router(simple.default, dependencies=KEY)
    app.include_router(simple.named, dependencies=KEY)
    app.include_router(backups.routes, dependencies=KEY)
    app.include_router(status.keyed, dependencies=KEY)
    app.include_router(status.open)
    backups.hide(app, instance)
    swagger.serve(app)
    app.add_middleware(EitherSlash)
    errors.shape(app)
    return app


class EitherSlash:
    """Makes `/embed` and `/embed/` one route: a redirect would lose the body of many a client.

    Of the route it finds, the exchange gets the template: a label that no caller can make up.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request under the path as it is documented."""
        if scope["type"] == "http":
            path = scope["path"].rstrip("/") or "/"
            scope["path"] = path + "/" if path in SLASHED else path
        try:
            await self._app(scope, receive, send)
        finally:
            if "route" in scope:
                exchange_of(scope).route = scope["route"].path
