"""The requests that are sent to Chroma's own server and to an instance, in order.

`{D}` is the default database; `save` keeps the `id` of an answer for `{name}` in later paths. `differs`
names an entry of `differences`: without one, both must answer alike.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One request."""

    method: str
    path: str
    body: Any = None
    """JSON; bytes go as they are."""
    differs: str = ""
    save: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {str(self.body)[:100]}"


def b64(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def get(*path: str, differs: str = "") -> list[Step]:
    return [Step("GET", p, differs=differs) for p in path]


def posts(path: str, *bodies: Any, differs: str = "") -> list[Step]:
    return [Step("POST", path, body, differs) for body in bodies]


JSON = {"content-type": "application/json"}
NOWHERE = "00000000-0000-0000-0000-000000000000"
LONG = "n" * 513
MANY = [f"{n:x}" for n in range(33_000)]

SYSTEM = [
    *get("/api/v2", "/api/v2/heartbeat", "/api/v2/version", "/api/v2/healthcheck", "/api/v2/pre-flight-checks"),
    *get("/api/v2/auth/identity"),
    Step("HEAD", "/api/v2/heartbeat"),
    Step("HEAD", "/api/v2/version"),
    *[Step(m, "/api/v2/heartbeat", differs="no-route") for m in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")],
    *get("/api/v2/", "/api/v2/heartbeat/", "/api/v2//heartbeat", "/api/v2/nothing", "/api/v1", differs="no-route"),
    *get("/api/v2/tenants/x/y", "/api/nothing", "/api/v1/", differs="no-route"),
    *get("/", "/openapi.json", differs="root"),
    *get("/api/v1/collections", "/api/v1/tenants/x"),
    *get("/api/v1/heartbeat", differs="v1-heartbeat"),
    Step("POST", "/api/v1/collections", {"name": "old"}, "v1-method"),
]

TENANTS = [
    *get("/api/v2/tenants/default_tenant", "/api/v2/tenants/nobody"),
    Step("GET", "/api/v2/tenants", differs="no-route"),
    Step("DELETE", "/api/v2/tenants/default_tenant", differs="no-route"),
    *posts("/api/v2/tenants", {"name": "second"}, {"name": "second"}, {"name": "ab"}, {}, {"name": 5}, b"", b"{"),
    *posts("/api/v2/tenants", {"name": "two words"}),
    *get("/api/v2/tenants/second", "/api/v2/tenants/two%20words"),
    Step("PATCH", "/api/v2/tenants/second", {"resource_name": "r"}, "patch-tenant"),
    Step("PATCH", "/api/v2/tenants/nobody", {"resource_name": "r"}, "patch-tenant"),
    *get("/api/v2/tenants/second"),
    *get("/api/v2/tenants/default_tenant/databases", "/api/v2/tenants/second/databases"),
    *get("/api/v2/tenants/nobody/databases"),
    *posts("/api/v2/tenants/second/databases", {"name": "one"}, {"name": "one"}, {"name": "x"}, {}, {"name": None}),
    *posts("/api/v2/tenants/second/databases", {"name": "two"}, {"name": "three"}),
    *get("/api/v2/tenants/second/databases?limit=2", "/api/v2/tenants/second/databases?limit=2&offset=2"),
    *get("/api/v2/tenants/second/databases?limit=-1", "/api/v2/tenants/second/databases?offset=x"),
    *get("/api/v2/tenants/second/databases/one", "/api/v2/tenants/second/databases/none"),
    *get("/api/v2/tenants/second/databases/x", "/api/v2/tenants/nobody/databases/one"),
    Step("POST", "/api/v2/tenants/second/databases/one/collections", {"name": "inside"}),
    *get("/api/v2/tenants/second/databases/one/collections_count", "{D}/collections/inside"),
    Step("DELETE", "/api/v2/tenants/second/databases/three"),
    Step("DELETE", "/api/v2/tenants/second/databases/three"),
    Step("PUT", "/api/v2/tenants/second/databases/one", {}, "no-route"),
]

COLLECTIONS = [
    *get("{D}/collections", "{D}/collections_count"),
    Step("POST", "{D}/collections", {"name": "basics", "metadata": {"a": 1, "f": 1.5, "s": "x", "b": True}}, save="c"),
    *posts("{D}/collections", {"name": "basics"}, {"name": "basics", "get_or_create": True}),
    *posts("{D}/collections", {"name": "basics", "get_or_create": True, "metadata": {"other": 2}}),
    *posts("{D}/collections", {"name": "ab"}, {"name": LONG}, {"name": "sp ace"}, {"name": ""}, {"name": "-abc"}),
    *posts(
        "{D}/collections", {"name": 5}, {}, {"name": "abc", "metadata": "x"}, {"name": "abc", "metadata": {"k": {}}}
    ),
    *posts("{D}/collections", b"", b"{", b"null", b"[]", b"\xff", b'{"name": "abc"'),
    *posts("{D}/collections", {"name": "extra.member-is_fine", "unknown": 1}),
    Step("POST", "{D}/collections", {"name": "listed", "metadata": {"k": [1, 2]}}, "collection-lists"),
    *posts("/api/v2/tenants/default_tenant/databases/missing/collections", {"name": "abc"}),
    Step(
        "POST",
        "{D}/collections",
        {
            "name": "configured",
            "configuration": {
                "hnsw": {
                    "space": "cosine",
                    "ef_construction": 50,
                    "ef_search": 20,
                    "max_neighbors": 8,
                    "resize_factor": 1.5,
                    "sync_threshold": 500,
                },
                "embedding_function": {"type": "known", "name": "default", "config": {}},
            },
        },
        save="configured",
    ),
    *posts("{D}/collections", {"name": "spaced", "configuration": {"hnsw": {"space": "ip"}}}),
    *posts("{D}/collections", {"name": "wrong", "configuration": {"hnsw": {"space": "taxi"}}}),
    *posts("{D}/collections", {"name": "wrong", "configuration": {"hnsw": {"ef_search": -1}}}),
    *posts("{D}/collections", {"name": "wrong", "configuration": {"hnsw": {}, "spann": {}}}),
    *posts("{D}/collections", {"name": "by-metadata", "metadata": {"hnsw:space": "cosine"}}),
    Step(
        "POST",
        "{D}/collections",
        {
            "name": "schemed",
            "schema": {
                "defaults": {"string": {"string_inverted_index": {"enabled": True, "config": {}}}},
                "keys": {
                    "#embedding": {"float_list": {"vector_index": {"enabled": True, "config": {"space": "cosine"}}}}
                },
            },
        },
    ),
    *get("{D}/collections/basics", "{D}/collections/schemed", "{D}/collections/nothing", "{D}/collections/by-id/{c}"),
    *get(f"{{D}}/collections/by-id/{NOWHERE}", "{D}/collections/by-id/zz", "{D}/collections/{c}"),
    *get("{D}/collections", "{D}/collections?limit=2", "{D}/collections?limit=2&offset=2", "{D}/collections?limit=0"),
    *get("{D}/collections?offset=100", "{D}/collections?limit=-1", "{D}/collections?limit=x", "{D}/collections?foo=1"),
    *get("{D}/collections_count", "/api/v2/tenants/default_tenant/databases/missing/collections"),
    *get("/api/v2/tenants/default_tenant/databases/missing/collections_count"),
    Step("HEAD", "{D}/collections"),
    *[Step(m, "{D}/collections", differs="no-route") for m in ("PATCH", "OPTIONS", "DELETE", "PUT")],
    *get("/api/v2/collections/tenant:database:collection", differs="crn"),
    *get("/api/v2/collections/no-crn", differs="own-checks"),
    Step("PUT", "{D}/collections/{c}", {}),
    Step("PUT", "{D}/collections/{c}", {"new_name": "basics-2", "new_metadata": {"b": 2}}),
    Step("PUT", "{D}/collections/{c}", {"new_configuration": {"hnsw": {"ef_search": 20_000}}}, "index-bounds"),
    Step("PUT", "{D}/collections/{c}", {"new_configuration": {"hnsw": {"sync_threshold": 20_000}}}, "index-bounds"),
    Step("PUT", "{D}/collections/{c}", {"new_configuration": {"hnsw": {"ef_search": 50, "sync_threshold": 300}}}),
    Step("PUT", "{D}/collections/{c}", {"new_name": "x"}),
    Step("PUT", "{D}/collections/{c}", {"new_name": "configured"}, "name-taken"),
    Step("PUT", "{D}/collections/{c}", {"new_metadata": {"k": {}}}),
    Step("PUT", "{D}/collections/{c}", b"{"),
    Step("PUT", f"{{D}}/collections/{NOWHERE}", {"new_name": "gone"}),
    Step("PUT", "{D}/collections/basics-2", {}),
    *get("{D}/collections/basics-2", "{D}/collections/basics"),
]

ROWS = {
    "ids": ["a", "b", "c"],
    "embeddings": [[1, 2, 3], b64(3, 2, 1), [0, 0, 1]],
    "documents": ["one red apple", "two green pears", None],
    "metadatas": [
        {"n": 1, "f": 0.5, "s": "x", "b": True, "tags": ["p", "q"], "sizes": [1, 2]},
        {"n": 2, "f": 1.5, "s": "y", "b": False, "tags": ["q"]},
        None,
    ],
    "uris": ["file:///a", None, None],
}
WRITES = [
    Step("POST", "{C}/add", {**ROWS, "embeddings": [[1, 2, 3], [3, 2, 1], [0, 0, 1]]}),
    Step("POST", "{C}/add", {"ids": ["a", "d"], "embeddings": [b64(9, 9, 9), b64(5, 5, 5)]}),
    Step("POST", "{C}/upsert", {"ids": ["d", "e"], "embeddings": [[5, 5, 6], [7, 7, 7]], "documents": ["d!", "e!"]}),
    Step("POST", "{C}/update", {"ids": ["e", "zz"], "embeddings": [[7, 7, 8], [1, 1, 1]]}),
    Step("POST", "{C}/update", {"ids": ["e"], "metadatas": [{"n": 9, "s": None}]}),
    Step("POST", "{C}/update", {"ids": ["e"], "documents": ["changed"], "uris": ["u"]}),
    *get("{C}/count", "{C}/count?read_level=index_and_wal", "{C}/count?read_level=index_only"),
    *get("{C}/count?read_level=bogus", f"{{D}}/collections/{NOWHERE}/count", "{D}/collections/zz/count"),
    Step("POST", "{D}/collections", {"name": "scratch", "configuration": {"hnsw": {"space": "l2"}}}, save="scratch"),
    Step("POST", "{S}/add", {"ids": ["there"], "embeddings": [[1, 2, 3]]}),
    *get("{D}/collections/scratch", differs="rhythm"),
    *[
        Step("POST", f"{{S}}/{verb}", body, differs)
        for verb in ("add", "upsert")
        for body, differs in (
            ({"ids": ["f"], "embeddings": [[1, 2]]}, ""),
            ({"ids": ["f"]}, ""),
            ({"ids": ["f"], "embeddings": [[1, 2, None]]}, ""),
            ({"ids": ["f"], "embeddings": [["x", 2, 3]]}, ""),
            ({"ids": ["f"], "embeddings": [[1, 2, 3]], "metadatas": [{"k": {"deep": 1}}]}, ""),
            ({"ids": ["f"], "embeddings": [[1, 2, 3]], "metadatas": [[1]]}, ""),
            ({"ids": ["f"], "embeddings": [[1, 2, 3]], "documents": [5]}, ""),
            ({"ids": [5], "embeddings": [[1, 2, 3]]}, "own-checks"),
            ({"ids": "f", "embeddings": [[1, 2, 3]]}, "own-checks"),
            (b"", "own-checks"),
            (b"{", "own-checks"),
            (b"null", "own-checks"),
            (b"[]", "own-checks"),
            (b"\xff", "own-checks"),
            ({"ids": ["f", "g"], "embeddings": [[1, 2, 3]]}, "own-checks"),
            ({"ids": ["f"], "embeddings": [[1, 2, 3]], "documents": ["x", "y"]}, "own-checks"),
            ({"ids": ["f", "f"], "embeddings": [[1, 2, 3], [1, 2, 3]]}, "ids-once"),
            ({"ids": [""], "embeddings": [[1, 2, 3]]}, "own-checks"),
            ({"ids": MANY[:5462], "embeddings": [[1, 2, 3]] * 5462}, "batch"),
        )
    ],
    *posts("{C}/update", {"ids": ["a"], "embeddings": [[1, 2]]}, {"ids": ["a"], "metadatas": [{"k": {"x": 1}}]}),
    *posts("{C}/update", {"ids": ["nobody"], "metadatas": [{"chroma:own": "x"}]}, differs="own-keys"),
    *posts("{C}/update", {"ids": ["nobody"], "metadatas": [dict.fromkeys(MANY[:5460], 1)]}, differs="too-many-members"),
    *posts("{C}/add", {"ids": [], "embeddings": []}),
    *posts(f"{{D}}/collections/{NOWHERE}/add", {"ids": ["f"], "embeddings": [[1, 2, 3]]}),
    *posts("{D}/collections/zz/upsert", {"ids": ["f"], "embeddings": [[1, 2, 3]]}),
    Step("POST", "{C}/get", b"{}"),
    Step("POST", "{C}/get", b"{}", headers={"content-type": "application/json; charset=utf-8"}),
    Step("POST", "{C}/get", b"{}", headers={"content-type": "application/vnd.own+json"}),
    Step("POST", "{C}/get", b"{}", headers={"content-type": "text/plain"}),
    Step("POST", "{C}/upsert", b"{}", headers={"content-type": "application/x-www-form-urlencoded"}),
    *[Step(m, "{C}/add", differs="no-route") for m in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")],
    Step(
        "POST",
        "{C}/upsert",
        {"ids": ["int"], "embeddings": [[1, 1, 1]], "metadatas": [{"big": 2**63 - 1, "low": -(2**63)}]},
    ),
    *posts("{C}/get", {"ids": ["int"], "include": ["metadatas"]}),
    Step(
        "POST",
        "{C}/upsert",
        {
            "ids": ["sp"],
            "embeddings": [[1, 1, 1]],
            "metadatas": [{"sv": {"#type": "sparse_vector", "indices": [1, 2], "values": [0.5, 0.5]}}],
        },
    ),
    Step("POST", "{C}/delete", {"ids": ["int"]}),
]

WHERE = [
    {"n": 1}, {"s": "x"}, {"b": True}, {"f": 0.5}, {"n": {"$eq": 1}}, {"n": {"$ne": 1}}, {"n": {"$gt": 1}},
    {"n": {"$gte": 1}}, {"n": {"$lt": 2}}, {"n": {"$lte": 2}}, {"f": {"$gt": 0.7}}, {"n": {"$gte": 1.5}},
    {"n": {"$in": [1, 9]}}, {"n": {"$nin": [1, 9]}}, {"s": {"$in": ["x", "y"]}}, {"b": {"$in": [True]}},
    {"$and": [{"n": {"$gt": 0}}, {"s": "y"}]}, {"$or": [{"n": 1}, {"n": 9}]}, {"$and": [{"n": 1}]},
    {"$and": [{"$or": [{"n": 1}, {"n": 2}]}, {"b": True}]}, {"$and": []}, {"$or": []},
    {"tags": {"$contains": "q"}}, {"tags": {"$not_contains": "p"}}, {"sizes": {"$contains": 2}},
    {"tags": {"$contains": 1}}, {"n": {"$contains": 1}}, {"#document": {"$contains": "apple"}},
    {"#document": {"$not_contains": "apple"}}, {"#document": {"$regex": "^one"}}, {"nothing": 1}, {"": 1},
    {}, {"n": {}}, {"n": None}, {"n": {"$eq": None}}, {"n": 1, "s": "x"}, {"n": {"$gt": 0, "$lt": 5}},
    {"n": {"$gt": "x"}}, {"n": {"$in": []}}, {"n": {"$in": [1, "x"]}}, {"n": {"$bad": 1}}, {"$not": {"n": 1}},
    {"n": {"$regex": "x"}}, {"n": 2**63}, [], "x", 5,
]  # fmt: skip
TEXTS = [
    {"$contains": "apple"}, {"$not_contains": "apple"}, {"$regex": "^two"}, {"$not_regex": "^two"}, {"$regex": "p{2}"},
    {"$contains": ""}, {"$regex": ""}, {"$contains": "a"}, {"$contains": "%"}, {"$contains": "RED"},
    {"$and": [{"$contains": "red"}, {"$contains": "apple"}]}, {"$or": [{"$contains": "red"}, {"$regex": "green"}]},
    {"$and": []}, {"$regex": "("}, {"$contains": 5}, {"$contains": ["a"]}, {"$bad": "x"}, {}, None,
]  # fmt: skip
READS = [
    *posts("{C}/get", *({"where": where, "include": []} for where in WHERE)),
    *posts("{C}/get", *({"where_document": texts, "include": []} for texts in TEXTS)),
    *posts("{C}/get", {"where": {"n": {"$gt": 0}}, "where_document": {"$contains": "pear"}}),
    *posts("{C}/get", {}, {"ids": ["a", "zz"]}, {"ids": []}, {"ids": None}, {"ids": ["a", "a"]}, {"ids": [""]}),
    *posts("{C}/get", {"limit": 2}, {"limit": 2, "offset": 1}, {"limit": 0}, {"offset": 99}, {"unknown": 1}),
    *posts("{C}/get", {"ids": ["c", "a"], "include": ["embeddings", "documents", "metadatas", "uris"]}),
    *posts("{C}/get", {"include": ["uris"]}, {"include": ["distances"]}, {"include": []}),
    *posts("{C}/get", {"limit": -1}, {"limit": 1.5}, {"limit": "1"}, {"limit": 2**32}, {"offset": -1}),
    *posts("{C}/get", {"include": ["bogus"]}, {"include": None}, {"ids": "a"}, {"ids": [1]}),
    *posts("{C}/get", b"", b"{", b"null", differs="own-checks"),
    *posts("{C}/get", {"ids": MANY}, {"where": {"n": {"$in": list(range(17_000))}}}, differs="too-many-values"),
    *posts(f"{{D}}/collections/{NOWHERE}/get", {}),
    *posts("{D}/collections/zz/get", {}),
    *posts(
        "{C}/query", {"query_embeddings": [[1, 2, 3]]}, {"query_embeddings": [[1, 2, 3], [3, 2, 1]], "n_results": 2}
    ),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "n_results": 1000}, {"query_embeddings": []}),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "where": {"n": {"$gte": 2}}}),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "where_document": {"$contains": "pear"}}),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "where": {"n": 77}}),
    *posts(
        "{C}/query", {"query_embeddings": [[1, 2, 3]], "ids": ["c", "b"]}, {"query_embeddings": [[1, 2, 3]], "ids": []}
    ),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "include": ["embeddings", "distances", "uris"]}),
    *posts(
        "{C}/query",
        {"query_embeddings": [[1, 2, 3]], "include": []},
        {"query_embeddings": [[1, 2, 3]], "n_results": None},
    ),
    *posts("{C}/query?limit=1&offset=1", {"query_embeddings": [[1, 2, 3]]}),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "n_results": 0}),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "ids": ["c", "zz"], "n_results": 5}, differs="unknown-ids"),
    *posts(
        "{C}/query", {"query_embeddings": [[1, 2]]}, {"query_embeddings": [[]]}, {"query_embeddings": [[1, 2, 3], [1]]}
    ),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "where": {"n": {"$bad": 1}}}),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "where_document": {"$regex": "("}}),
    *posts(
        "{C}/query",
        {"query_embeddings": [b64(1, 2, 3)]},
        {"query_embeddings": [1, 2, 3]},
        {},
        {"query_embeddings": None},
        {"query_embeddings": [[1, 2, 3]], "n_results": -1},
        {"query_embeddings": [[1, 2, 3]], "include": ["bogus"]},
        {"query_texts": ["x"]},
    ),
    *posts(
        "{C}/query",
        {"query_embeddings": [[1, 2, 3]], "n_results": 1.5},
        b"",
        b"{",
        b"null",
        b"[]",
        differs="own-checks",
    ),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "n_results": 20_000}, differs="limits"),
    *posts(f"{{D}}/collections/{NOWHERE}/query", {"query_embeddings": [[1, 2, 3]]}),
    *posts("{D}/collections/zz/query", {"query_embeddings": [[1, 2, 3]]}),
]

DELETES = [
    *posts("{C}/delete", {"ids": ["zz"]}, {}, {"ids": ["a"], "limit": 1}, {"where": {"n": 9}, "limit": 1}),
    *posts("{C}/delete", {"where_document": {"$contains": "pears"}}, {"where": {"n": {"$bad": 1}}}),
    *posts("{C}/delete", {"ids": ["a", "d"], "where": {"n": 1}}),
    *posts("{C}/delete", b"", b"{", b"null", {"ids": "a"}, differs="own-checks"),
    *posts("{C}/delete", {"limit": -1}),
    *posts("{S}/delete", {"ids": MANY[:5462]}, differs="batch"),
    *posts(f"{{D}}/collections/{NOWHERE}/delete", {"ids": ["a"]}),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]], "n_results": 0}, differs="none-wanted"),
    *posts("{C}/query", {"query_embeddings": [[1, 2, 3]]}),
    *get("{C}/count"),
    *posts("{C}/get", {}),
]

LACKING = [
    *posts("{C}/search", {"searches": []}, {"searches": [{"limit": {"offset": 0, "limit": 2}}]}, {}, differs="lacking"),
    *posts("{C}/fork", {"new_name": "forked"}, {}, differs="lacking"),
    *get("{C}/fork_count", "{C}/functions/mine", differs="lacking"),
    *posts("{C}/functions/attach", {"name": "f", "function_id": "x", "output_collection": "o"}, differs="lacking"),
    *posts("{C}/attached_functions/f/detach", {"delete_output": False}, differs="lacking"),
    *get("{C}/indexing_status", differs="indexing"),
    *get("{D}/collections/zz/indexing_status", f"{{D}}/collections/{NOWHERE}/indexing_status"),
]

END = [
    Step("DELETE", "{D}/collections/{configured}"),
    Step("DELETE", "{D}/collections/configured"),
    Step("DELETE", "{D}/collections/configured"),
    *get("{C}/count"),
    Step("DELETE", "{D}/collections/basics-2"),
    *get("{C}/count"),
    *posts("{C}/upsert", {"ids": ["f"], "embeddings": [[1, 2, 3]]}),
    *get("{D}/collections_count"),
    Step("POST", "/api/v2/reset"),
    *get("{D}/collections", "/api/v2/tenants/second", "/api/v2/tenants/default_tenant/databases"),
]

STEPS = [*SYSTEM, *TENANTS, *COLLECTIONS, *WRITES, *READS, *DELETES, *LACKING, *END]
