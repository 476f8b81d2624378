"""Backups and restores that a tenant asks for, where the plan allows it, and how far they are.

They are carried out by whoever looks after the store: here they are asked for and told of (`wishes`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Path, Response

from vectorstore_instance.api.json_route import JsonRoute
from vectorstore_instance.api.simple import Here
from vectorstore_instance.core.errors import ApiError, conflict, forbidden, not_found
from vectorstore_instance.models import backups as models
from vectorstore_instance.models.fields import Body
from vectorstore_instance.wishes import Backup, Wish, Wishes

TAG = "Backups"
routes = APIRouter(tags=[TAG], route_class=JsonRoute)


async def _allowed(instance: Here) -> Wishes:
    """The wishes of a store whose plan lets holders of keys have some."""
    if instance.wishes is None:
        told = "this store's data are kept by another server: whoever runs that backs it up"
        raise ApiError(HTTPStatus.NOT_IMPLEMENTED, "ChromaError", told)
    limits = instance.limits.current
    if not limits.backups:
        raise forbidden(
            f"plan {limits.plan or 'of this store'} lets nobody ask for backups by a key (backup.byTenants); ask "
            "whoever runs the store"
        )
    return instance.wishes


There = Annotated[Wishes, Depends(_allowed)]
BackupId = Annotated[str, Path(description="What a backup is called.", openapi_examples={"a": {"value": "nightly"}})]
RestoreId = Annotated[str, Path(description="As `POST /restore` said.", openapi_examples={"a": {"value": "asked-1"}})]


def hide(app: FastAPI, instance: Here) -> None:
    """Leaves these routes out of an application's documentation as long as its plan refuses all of them."""
    whole, ours = app.openapi, {getattr(route, "path", "") for route in routes.routes}

    def openapi() -> dict[str, Any]:
        schema = whole()
        if instance.limits.current.backups:
            return schema
        paths = {path: how for path, how in schema["paths"].items() if path not in ours}
        return {**schema, "paths": paths, "tags": [tag for tag in schema["tags"] if tag["name"] != TAG]}

    app.openapi = openapi  # type: ignore[method-assign] # https://fastapi.tiangolo.com/how-to/extending-openapi/


@routes.post("/backup", status_code=HTTPStatus.ACCEPTED, response_model=models.BackupState)
async def backup(body: models.BackupOrder, wishes: There) -> Response:
    """Asks for a backup of the whole store, one at a time. The answer comes when the wish is safe; it is begun within
    some minutes, and `GET /backup/{id}` says how far it is. Needs the read-write key, as all of these."""
    wish = await wishes.add("backup", verify=body.verify)
    return _json(_wished(wish), HTTPStatus.ACCEPTED, f"/backup/{wish.id}")


@routes.get("/backup", response_model=models.BackupStates)
async def list_backups(wishes: There) -> Response:
    """Lists the store's backups, by whomever they were made, and those that were asked for."""
    made = [_made(backup) for backup in wishes.backups]
    return _json(models.BackupStates(backups=[*made, *map(_wished, _of(wishes, "backup"))]))


@routes.get("/backup/{id}", response_model=models.BackupState)
async def backup_state(id: BackupId, wishes: There) -> Response:
    """Says how far a backup is."""
    return _json(_backup(wishes, id))


@routes.post("/restore", status_code=HTTPStatus.ACCEPTED, response_model=models.RestoreState)
async def restore(body: models.RestoreOrder, wishes: There) -> Response:
    """Asks that the whole store hold what a backup of it holds, in place of what it holds then. It serves until the
    backup has arrived, and nobody while that is proven; should it not hold, the store stays as it is."""
    found = _backup(wishes, body.backup)
    if found.state != "completed":
        raise conflict(f"backup: {found.id} is {found.state}; wait until it is completed, or take another")
    wish = await wishes.add("restore", backup=found.id)
    return _json(_restore(wish), HTTPStatus.ACCEPTED, f"/restore/{wish.id}")


@routes.get("/restore/{id}", response_model=models.RestoreState)
async def restore_state(id: RestoreId, wishes: There) -> Response:
    """Says how far a restore is; those that ended long ago are forgotten."""
    found = next((wish for wish in _of(wishes, "restore") if wish.id == id), None)
    if found is None:
        raise not_found(f"there is no restore {id[:80]!r}; POST /restore begins one")
    return _json(_restore(found))


def _of(wishes: Wishes, verb: str) -> list[Wish]:
    return [wish for wish in wishes.all if wish.verb == verb]


def _backup(wishes: Wishes, id_: str) -> models.BackupState:
    """
    Raises:
        ApiError: 404 this store has none of that name.
    """
    made = (_made(backup) for backup in wishes.backups if backup.id == id_)
    wished = (_wished(wish) for wish in _of(wishes, "backup") if wish.id == id_)
    found = next(made, None) or next(wished, None)
    if found is None:
        raise not_found(f"this store has no backup {id_[:80]!r}; GET /backup lists those there are")
    return found


def _made(backup: Backup) -> models.BackupState:
    return models.BackupState(
        id=backup.id,
        state=backup.state,
        taken=backup.taken,
        documents=backup.documents,
        size=backup.size,
        verified=backup.verified,
        message=backup.message or None,
    )


def _wished(wish: Wish) -> models.BackupState:
    return models.BackupState(id=wish.id, state=wish.state, asked=wish.asked, message=wish.message or None)


def _restore(wish: Wish) -> models.RestoreState:
    return models.RestoreState(
        id=wish.id, state=wish.state, backup=wish.backup, asked=wish.asked, message=wish.message or None
    )


def _json(body: Body, status: int = HTTPStatus.OK, location: str | None = None) -> Response:
    content = msgspec.json.encode(body.model_dump(exclude_none=True))
    return Response(content, status, {"location": location} if location else None, media_type="application/json")
