"""An engine elsewhere: a Chroma server that keeps the data, before which a store is a door."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vectorstore_operator.api.base import SET, Model, Name, Rule
from vectorstore_operator.api.rules import Ruled, needs
from vectorstore_operator.api.urls import Url

ENTRIES = needs(
    "entries", "secret_name", "entries go with secretName: name the Secret that has them, or leave them out"
)

_REMOTE = "has(self.engine) && has(self.engine.remote)"
REMOTE_RULES = (
    Rule(
        rule=f"!({_REMOTE}) || !has(self.storage)",
        message="storage does not go with engine.remote, which keeps the data elsewhere; leave one of them out",
    ),
    Rule(
        rule=f"!({_REMOTE}) || !has(self.quota) || !has(self.quota.bytes)",
        message="quota.bytes does not go with engine.remote, whose bytes are not known; leave one of them out",
    ),
)
"""Sit on the spec."""

RemoteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", min_length=1, max_length=128)]
"""A tenant or database of a Chroma server."""

SecretEntry = Literal["token", "headers"]


class RemoteEngine(Ruled):
    """A Chroma server that is not the store's own: a `chroma run`, a distributed Chroma, Chroma Cloud."""

    rules = (ENTRIES,)
    url: Url
    """Where it answers; a path goes before that of every request. Among the plan's `remoteEngines`."""
    secret_name: Name | None = None
    """A Secret of the store's namespace with what that server wants to see; omitted = nothing."""
    entries: Annotated[list[SecretEntry], Field(min_length=1, max_length=2, json_schema_extra=SET)] | None = None
    """What of it is sent: `token` as x-chroma-token, and `headers`, `Name: value` lines; omitted = token."""
    tenant: RemoteName | None = None
    """The tenant there that holds the store; omitted = default_tenant."""
    database: RemoteName | None = None
    """The database of that tenant; omitted = default_database, and others that clients make."""

    @property
    def secret_entries(self) -> tuple[SecretEntry, ...]:
        """Entries of the Secret that are sent."""
        return tuple(self.entries or ("token",)) if self.secret_name else ()


class Engine(Model):
    """Where the data is kept, if not by the store itself."""

    remote: RemoteEngine
    """A server elsewhere."""
