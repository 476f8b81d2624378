"""Who may use a plan, and who may come to a store beside the holders of its keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vectorstore_operator.api.base import SET, Model, Name
from vectorstore_operator.api.network import Labels
from vectorstore_operator.api.rules import Ruled, one_of
from vectorstore_operator.api.urls import Url

NAMESPACES = one_of("names", "match_labels", "allowedNamespaces: either names or matchLabels; leave one out")

Word = Annotated[str, Field(pattern=r"^\S+$", max_length=256)]
"""A word of a token: a claim's name, a scope, an audience."""

Origin = Annotated[str, Field(pattern=r"^(\*|https?://[^\s,/@?#]+)$", max_length=256)]
"""Where a page comes from: scheme, host and port; `*` is anywhere."""

Origins = Annotated[list[Origin], Field(max_length=32, json_schema_extra=SET)]


class AllowedNamespaces(Ruled):
    """Whose stores may have the plan."""

    rules = (NAMESPACES,)
    names: Annotated[list[Name], Field(max_length=256, json_schema_extra=SET)] | None = None
    """Namespaces by name; an empty list is none."""
    match_labels: Labels | None = None
    """Namespaces by labels, all of which they must have."""


class Jwt(Model):
    """Tokens of an OpenID provider that are taken beside the store's keys."""

    issuer: Url
    """Whose tokens; one that the plan's `issuers` allows."""
    audience: Word
    """Whom they must be for."""
    jwks_url: Url | None = None
    """The issuer's key set, allowed likewise; omitted = where its discovery document says."""
    scope_claim: Word | None = None
    """The claim that holds the scopes; omitted = scope."""
    read_scope: Word | None = None
    """The scope that may read; omitted = vectorstore.read."""
    write_scope: Word | None = None
    """The scope that may read and write; omitted = vectorstore.write."""
    database_claim: Word | None = None
    """The claim that selects a Chroma database, such as `sub`: each of its values gets its own."""
