"""What a store is and holds, for those who look after it. Nothing here wakes a sleeping engine."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request

from vectorstore_instance import __version__
from vectorstore_instance.api.json_route import JsonRoute
from vectorstore_instance.api.simple import Here
from vectorstore_instance.core.errors import unavailable
from vectorstore_instance.core.exchange import exchange_of
from vectorstore_instance.instance import Instance
from vectorstore_instance.models import answers

open = APIRouter(tags=["Status"])
keyed = APIRouter(tags=["Status"], route_class=JsonRoute)


@open.get("/")
async def root() -> answers.Service:
    """Says what this is and where to go on. Needs no key."""
    return answers.Service(
        service="vectorstore",
        version=__version__,
        docs="/docs",
        openapi="/openapi.json",
        chroma="/api/v2",
        health="/healthz/",
    )


@open.get("/health", include_in_schema=False, response_model_exclude_none=True)
async def health(instance: Here) -> answers.Health:
    """Says whether the store serves, where load balancers look for it by habit."""
    if not instance.engine.ready:
        raise unavailable("the store is starting; try again")
    return answers.Health()


@keyed.get("/healthz/", response_model_exclude_none=True)
async def healthz(request: Request, instance: Here) -> answers.Health:
    """Says whether the store serves; with a key also what it is, may hold and holds."""
    found = await health(instance)
    if exchange_of(request.scope).caller is None:
        return found
    settings = instance.settings
    return answers.Health(
        tenant=settings.tenant_id,
        plan=_plan(instance),
        model=settings.model_name,
        dimension=settings.dimension,
        limits=instance.limits.current,
        read_only=instance.engine.state().read_only or None,
        usage=answers.Usage(**asdict(await instance.engine.usage())),
    )


@keyed.get("/stats")
async def stats(instance: Here) -> answers.Stats:
    """Says what the store holds and may hold."""
    return answers.Stats(
        **asdict(await instance.engine.usage()),
        limit=instance.limits.current.max_documents,
        plan=_plan(instance),
        model=instance.settings.model_name,
    )


def _plan(instance: Instance) -> str:
    return instance.limits.current.plan or instance.settings.plan
