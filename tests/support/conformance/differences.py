"""Where an instance answers otherwise than `chroma run` 1.5.9, and why: the data of docs/chroma-api.md.

Of every difference the test sees each status that is named here, on either side, and no other.
"""

from __future__ import annotations

from dataclasses import dataclass

HANGS_UP = 0
"""Instead of a status: the connection was closed without an answer."""


@dataclass(frozen=True)
class Difference:
    """One explained difference."""

    request: str
    theirs: tuple[int, ...]
    chroma: str
    """What `chroma run` answers, in words."""
    ours: tuple[int, ...]
    here: str
    """What an instance answers, in words."""
    why: str


DIFFERENCES = {
    "no-route": Difference(
        "unknown path, or a known one with another method",
        (404, 405),
        "no body",
        (404, 405),
        "`allow`, and the shape of every error",
        "A client that reads JSON can say what is wrong.",
    ),
    "root": Difference(
        "`GET /`, `/openapi.json`",
        (200, 404),
        "nothing, and Chroma's own description",
        (200,),
        "what this is, and the description of the text routes",
        "They are what this store has beyond Chroma.",
    ),
    "crn": Difference(
        "`GET /collections/{crn}`",
        (HANGS_UP,),
        "panics",
        (501,),
        "what to use instead",
        "Resource names are of Chroma Cloud alone; a dropped connection makes clients try again.",
    ),
    "patch-tenant": Difference(
        "`PATCH /tenants/{tenant}`",
        (200,),
        "for any tenant, and changes nothing",
        (501,),
        "nothing there can be changed",
        "What is not stored must not be acknowledged.",
    ),
    "lacking": Difference(
        "search, fork, fork_count, functions",
        (404, 422, 501),
        "not implemented; no such function; a body of another shape",
        (501,),
        "what to use instead",
        "A single node has none of them; the engine need not be woken to say so.",
    ),
    "indexing": Difference(
        "`GET .../indexing_status`",
        (500,),
        "`scout_logs is not implemented`",
        (200,),
        "from the tables",
        "Everything acknowledged is indexed, so whoever waits for it goes on.",
    ),
    "none-wanted": Difference(
        "query with `n_results: 0`, once a record was deleted",
        (HANGS_UP,),
        "panics",
        (200,),
        "empty lists",
        "Nothing is what was asked for, and what a collection without deletions answers.",
    ),
    "unknown-ids": Difference(
        "query among `ids`, some of which are not there",
        (500,),
        "`Error finding id`",
        (200,),
        "the nearest of those that are there",
        "An id that is gone is no fault of the server.",
    ),
    "too-many-values": Difference(
        "get or query with more ids or values of `$in` than SQLite binds",
        (500,),
        "`too many SQL variables`",
        (400,),
        "how many there are and may be",
        "The request is at fault, and can be divided.",
    ),
    "name-taken": Difference(
        "`PUT` of a `new_name` that another collection has",
        (500,),
        "`UNIQUE constraint failed`",
        (409,),
        "the name is taken",
        "As for a new collection of such a name.",
    ),
    "batch": Difference(
        "add, upsert, update or delete of more rows than `pre-flight-checks` announces",
        (200, 201),
        "takes them",
        (413,),
        "how many there are and may be",
        "A limit that is announced is kept, whoever writes.",
    ),
    "ids-once": Difference(
        "the same id twice in one add, upsert or update",
        (200, 201),
        "one of the rows wins in silence",
        (400,),
        "names the id",
        "Which row was meant is not known.",
    ),
    "own-keys": Difference(
        "metadata under keys that begin with `chroma:`",
        (200,),
        "takes them and tells nobody; at a `chroma:document` that is no text it ends, and whenever it starts again",
        (400,),
        "names the key",
        "One row must not take all others with it.",
    ),
    "too-many-members": Difference(
        "more than 5,459 values in one row's metadata",
        (200,),
        "takes them; of a row that is there it can read no more of the whole collection, and says 500 from then on",
        (400,),
        "how many there are and may be",
        "One row must not take all others with it.",
    ),
    "limits": Difference(
        "`n_results`, filters, vectors beyond the plan's limits",
        (200,),
        "whatever it takes",
        (400,),
        "names value and limit",
        "One request must not take what others need: [limits](limits.md).",
    ),
    "index-bounds": Difference(
        "`max_neighbors` of 0 or above 256, `ef_search`, `ef_construction` or `sync_threshold` above 10,000",
        (200,),
        "takes them; with no neighbours its process ends at the first write, and whenever it starts again; "
        "with a large threshold it takes as long to begin again as the data took to come",
        (400,),
        "names the setting and its bounds",
        "One collection must not take the others with it.",
    ),
    "rhythm": Difference(
        "a collection that says `sync_threshold` 1,000, after its first write, of at most 64 rows",
        (200,),
        "1,000, as it was made",
        (200,),
        "201, which is in force; 1,000 again from 5,000 documents on, in force from the engine's next start",
        "Each write reads again what came since the index was saved; a small index is quickly saved. "
        "Any other number is the client's choice, and stays.",
    ),
    "collection-lists": Difference(
        "lists or sparse vectors in a collection's own metadata",
        (HANGS_UP,),
        "panics",
        (400,),
        "names the key, and what to do",
        "A dropped connection makes clients try again.",
    ),
    "own-checks": Difference(
        "bodies that are no JSON, of another shape, with columns of unequal length or empty ids; no CRN",
        (400, 422),
        "in its words",
        (400, 422),
        "the same status and class, in other words",
        "They are checked before they wait for their turn, or wake the engine.",
    ),
    "v1-method": Difference(
        "`POST /api/v1/*`", (405,), "though GET is gone (410)", (410,), "gone", "It is gone whatever the method."
    ),
    "v1-heartbeat": Difference(
        "`GET /api/v1/heartbeat`", (410,), "gone", (200,), "the time", "Old probes find out that somebody is here."
    ),
}


def table() -> str:
    """The differences as docs/chroma-api.md shows them."""
    rows = [
        f"| {d.request} | {_told(d.theirs, d.chroma)} | {_told(d.ours, d.here)} | {d.why} |"
        for d in DIFFERENCES.values()
    ]
    return "\n".join(("| Request | `chroma run` 1.5.9 | Here | Why |", "|---|---|---|---|", *rows))


def _told(statuses: tuple[int, ...], words: str) -> str:
    codes = ", ".join("hangs up" if status == HANGS_UP else str(status) for status in statuses)
    return f"{codes}: {words}"
