"""Where an instance answers otherwise than `chroma run` 1.5.9, and why: the data of docs/chroma-api.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One explained difference."""

    request: str
    chroma: str
    """What `chroma run` answers."""
    here: str
    """What an instance answers."""
    why: str
    statuses: tuple[int, ...] = ()
    """Status codes that an instance answers with; none named: the same as Chroma's."""


DIFFERENCES = {
    "no-route": Difference(
        "unknown path, or a known one with another method",
        "404 or 405 without a body",
        "404 or 405 with `allow` and the error shape",
        "A client that reads JSON can say what is wrong.",
        (404, 405),
    ),
    "root": Difference(
        "`GET /`, `/docs`, `/openapi.json`",
        "404, Swagger of Chroma's API",
        "the instance, Swagger of the text routes",
        "They document what this store has beyond Chroma.",
        (200,),
    ),
    "crn": Difference(
        "`GET /collections/{crn}`",
        "hangs up (`not implemented` panic)",
        "501",
        "Resource names are of Chroma Cloud; a dropped connection makes clients try again.",
        (501,),
    ),
    "crn-form": Difference(
        "`GET /collections/{crn}` with no CRN", "400", "400 in other words", "Said without waking the engine.", (400,)
    ),
    "patch-tenant": Difference(
        "`PATCH /tenants/{tenant}`",
        "200 for any tenant, and changes nothing",
        "501",
        "What is not stored must not be acknowledged.",
        (501,),
    ),
    "lacking": Difference(
        "search, fork, fork_count, functions",
        "501, 404 for a function, 422 for a body of another shape",
        "501 with what to use instead",
        "A single node has none of them; the engine need not be woken to say so.",
        (501,),
    ),
    "indexing": Difference(
        "`GET .../indexing_status`",
        "500 (`scout_logs is not implemented`)",
        "200 from the tables",
        "Everything acknowledged is indexed, so that who waits for it goes on.",
        (200,),
    ),
    "none-wanted": Difference(
        "query with `n_results: 0`",
        "hangs up (panic) once a record was deleted",
        "200 with empty lists",
        "Nothing is what was asked for.",
        (200,),
    ),
    "unknown-ids": Difference(
        "query with `ids` some of which are not there",
        "500 (`Error finding id`)",
        "200: the nearest among those that are there",
        "An id that is gone is no fault of the server.",
        (200,),
    ),
    "too-many-values": Difference(
        "get or query with more ids or values of `$in` than SQLite binds",
        "500 (`too many SQL variables`)",
        "400 or 413",
        "The request is too large: it says so, and what to do.",
        (400, 413),
    ),
    "batch": Difference(
        "add, upsert, update with more than 5,461 rows, or delete by more ids",
        "500; delete: 200",
        "413",
        "`pre-flight-checks` announces the limit; every write keeps it.",
        (413,),
    ),
    "own-checks": Difference(
        "add, upsert, update, delete, query, get with a body that is no JSON or of another shape",
        "400 or 422 in Rust's words",
        "the same status and class, in other words",
        "Rows are checked before they wait for their turn; the message names field, value and remedy.",
    ),
    "checked-earlier": Difference(
        "bodies with several faults, or columns of unequal length",
        "400, 422, or 500 after a part of the work",
        "400 or 422, before the engine sees them",
        "Nothing is kept of a write that is refused.",
        (400, 422),
    ),
    "ids-once": Difference(
        "the same id twice, or an empty one, in one add, upsert or update",
        "the first or the last wins in silence; 400 for an empty id",
        "400, naming the id",
        "Which row was meant is not known.",
        (400,),
    ),
    "name-taken": Difference(
        "`PUT` of a `new_name` that another collection has",
        "500 (`UNIQUE constraint failed`)",
        "409",
        "As for a new collection of a name that is taken.",
        (409,),
    ),
    "limits": Difference(
        "`n_results`, filters and vectors beyond the limits of the plan",
        "whatever it takes",
        "400, naming the limit",
        "One request must not take what others need; see limits.md.",
        (400,),
    ),
    "v1-post": Difference(
        "`POST /api/v1/*`",
        "405, though GET is 410",
        "410 for every method",
        "The v1 API is gone whatever the method.",
        (410,),
    ),
    "v1": Difference(
        "`/api/v1/heartbeat`", "410", "200", "Old clients and probes find out that somebody is here.", (200,)
    ),
}


def table() -> str:
    """The differences as docs/chroma-api.md shows them."""
    rows = [f"| {d.request} | {d.chroma} | {d.here} | {d.why} |" for d in DIFFERENCES.values()]
    return "\n".join(("| Request | `chroma run` 1.5.9 | Here | Why |", "|---|---|---|---|", *rows))
