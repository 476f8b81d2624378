"""What a store's tenant and database are called on another server, on the way out and back.

There the store is one tenant (ENGINE_TENANT), and one database of it where ENGINE_DATABASE says which.
Here they have the names that Chroma's clients use when they are given none; whatever else there is on
that server does not exist for this store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, quote, unquote

import msgspec
from msgspec import Raw

from vectorstore_instance.core.errors import forbidden, invalid, not_found
from vectorstore_instance.engine.reply import Reply
from vectorstore_instance.engine.route import Kind, Route

TENANT = "default_tenant"
DATABASE = "default_database"

_PATH = re.compile(r"/api/v2/tenants/([^/?]+)(/databases)?(?:/([^/?]+))?(.*)")
_UNSAFE = re.compile(r"(^|/)\.\.?(/|$)")
_ONE = msgspec.json.Decoder(dict[str, Raw])
_MANY = msgspec.json.Decoder(list[dict[str, Raw]])


@dataclass(frozen=True)
class Names:
    """How a store's tenant and database are called there."""

    tenant: str = TENANT
    database: str = DATABASE

    @property
    def whole(self) -> bool:
        """Whether the store may have several databases there: none was named."""
        return self.database == DATABASE

    def out(self, what: Route) -> str:
        """The path of a request as that server knows it.

        Raises:
            ApiError: 404 for what is not this store's, 403 for what would reach beyond it, 400 for a path
                that a proxy on the way could take for another.
        """
        if what.label == "tenant" and what.kind is Kind.MAKE:
            raise forbidden("name: this store is one tenant of another server and makes no others")
        if not self.whole and what.label == "database" and what.kind in (Kind.MAKE, Kind.DROP):
            raise forbidden("database: this store is one database of another server, which stays as it is")
        return self._there(what.path)

    @lru_cache(maxsize=1024)  # noqa: B019  there is one for the life of the process
    def _there(self, path: str) -> str:
        if _UNSAFE.search(unquote(path.partition("?")[0])):
            raise invalid(f"{path}: a name cannot be . or ..")
        found = _PATH.fullmatch(path)
        if found is None:
            return path
        tenant, databases, database, rest = found.groups()
        if unquote(tenant) != TENANT:
            raise not_found(f"Tenant [{unquote(tenant)}] not found")
        there = f"/api/v2/tenants/{quote(self.tenant, safe='')}{databases or ''}"
        if database is None:
            return f"{there}/{quote(self.database, safe='')}" if databases and not self.whole else there + rest
        if unquote(database) == DATABASE:
            database = quote(self.database, safe="")
        elif not self.whole:
            raise not_found(f"Database [{unquote(database)}] not found. Are you sure it exists?")
        return f"{there}/{database}{rest}"

    def back(self, what: Route, reply: Reply) -> Reply:
        """The answer with the store's own names in it; numbers stay as they came."""
        if what.label not in ("collection", "fork", "database", "tenant") or not reply.ok:
            return reply
        if self == Names() or reply.body[:1] not in (b"{", b"["):
            return reply
        if reply.body.startswith(b"["):
            renamed: object = [self._renamed(what, item) for item in _MANY.decode(reply.body)]
        else:
            renamed = self._renamed(what, _ONE.decode(reply.body))
            if what.path.partition("?")[0].endswith("/databases") and what.kind is Kind.READ:
                renamed = [] if _beyond_first(what.path) else [renamed]
        return Reply(reply.status, msgspec.json.encode(renamed), headers=reply.headers)

    def _renamed(self, what: Route, item: dict[str, Raw]) -> dict[str, Raw]:
        ours = {"tenant": TENANT, "database": DATABASE}
        if what.label in ("database", "tenant"):
            ours["name"] = ours.pop(what.label)
        theirs = {TENANT: self.tenant, DATABASE: self.database}
        for member, name in ours.items():
            if member in item and msgspec.json.decode(item[member]) == theirs[name]:
                item[member] = Raw(msgspec.json.encode(name))
        return item


def _beyond_first(path: str) -> bool:
    """Whether a page of a list of one begins behind it, or is empty by its limit."""
    asked = parse_qs(path.partition("?")[2])
    return asked.get("offset", ["0"])[0] != "0" or asked.get("limit", ["1"])[0] == "0"
