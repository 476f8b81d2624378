"""Tokens of a real issuer: what their bearers may do, and that each user of a store has a database alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import chromadb
import chromadb.errors
import httpx
import pytest
from tests.support.instances import Running, wait_until
from tests.support.issuer import AUDIENCE, Issuer, served

Start = Callable[..., Running]
DATABASES = "/api/v2/tenants/default_tenant/databases"
VECTORS = {"MODEL_NAME": "none", "DIMENSION": "3"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with served(Issuer()) as running:
        yield running


@pytest.fixture(scope="module")
def store(_sessions: Start, issuer: Issuer) -> Running:
    """A store in which each user has a database of their own."""
    return _sessions(JWT_ISSUER=issuer.url, JWT_AUDIENCE=AUDIENCE, JWT_DATABASE_CLAIM="sub", **VECTORS)


def client(running: Running, token: str, **more: str) -> chromadb.ClientAPI:
    return chromadb.HttpClient("127.0.0.1", running.port, headers={"authorization": f"Bearer {token}"}, **more)


def http(running: Running, token: str) -> httpx.Client:
    return httpx.Client(base_url=running.url, headers={"x-chroma-token": token}, timeout=60)


def test_each_user_works_in_a_database_alone(store: Running, issuer: Issuer) -> None:
    ada, bob = (issuer.token(sub=name) for name in ("ada", "bob"))
    mine = client(store, ada).create_collection("notes")
    mine.add(ids=["a"], embeddings=[[1, 0, 0]], documents=["Ada's"])
    client(store, bob).create_collection("notes").add(ids=["b"], embeddings=[[1, 0, 0]], documents=["Bob's"])

    assert client(store, ada).get_collection("notes").get()["documents"] == ["Ada's"]
    assert client(store, bob).get_collection("notes").query(query_embeddings=[[1, 0, 0]])["documents"] == [["Bob's"]]
    mine.upsert(ids=["a"], embeddings=[[0, 1, 0]], documents=["changed"])
    mine.modify(name="renamed")
    assert [c.name for c in client(store, ada).list_collections()] == ["renamed"]
    assert store.chroma().list_collections() == []
    client(store, ada).delete_collection("renamed")
    assert client(store, bob).get_collection("notes").count() == 1


def test_text_routes_work_in_the_callers_database(store: Running, issuer: Issuer) -> None:
    with http(store, issuer.token(sub="carol")) as carol, http(store, issuer.token(sub="dave")) as dave:
        carol.post("/collections/create", json={"name": "texts"}).raise_for_status()
        row = {"ids": ["c"], "embeddings": [[1, 0, 0]]}
        carol.post("/collections/texts/add", json=row).raise_for_status()
        assert carol.get("/collections").json()["collections"][0]["name"] == "texts"
        assert dave.get("/collections").json() == {"collections": []}
        assert dave.post("/collections/texts/get", json={}).status_code == 404
        assert dave.delete("/collections/texts").status_code == 404
    with store.http() as owner:
        assert owner.get("/collections").json() == {"collections": []}


def test_a_users_database_has_a_name_and_the_owner_sees_it(store: Running, issuer: Issuer) -> None:
    token = issuer.token(sub="Erin@example.org")
    with http(store, token) as erin:
        identity = erin.get("/api/v2/auth/identity").json()
        (name,) = identity["databases"]
        assert (identity["user_id"], name.startswith("user-erin-example-org-")) == ("Erin@example.org", True)
        assert [d["name"] for d in erin.get(DATABASES).json()] == [name]
        assert erin.get(f"{DATABASES}/{name}").json() == erin.get(f"{DATABASES}/default_database").json()
    client(store, token, database=name).create_collection("hers")
    owner = chromadb.HttpClient(
        "127.0.0.1", store.port, headers={"x-chroma-token": store.key("read-only")}, database=name
    )
    assert [c.name for c in owner.list_collections()] == ["hers"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{DATABASES}/THEIRS"),
        ("GET", f"{DATABASES}/THEIRS/collections"),
        ("POST", f"{DATABASES}/THEIRS/collections/ID/get"),
        ("GET", f"{DATABASES}/default_database/../THEIRS/collections"),
        ("GET", f"{DATABASES}/default%5Fdatabase/%2E%2E/THEIRS/collections"),
        ("DELETE", f"{DATABASES}/default_database"),
        ("POST", DATABASES),
        ("GET", "/api/v2/tenants/other"),
        ("GET", "/api/v2/tenants/other/databases/default_database/collections"),
        ("POST", "/api/v2/tenants"),
        ("PATCH", "/api/v2/tenants/default_tenant"),
        ("GET", "/api/v2/collections/default_tenant:THEIRS:secret"),
        ("POST", "/api/v2/reset"),
        ("POST", f"{DATABASES}/default_database/collections/ID/get"),
        ("POST", f"{DATABASES}/default_database/collections/ID/query"),
        ("POST", f"{DATABASES}/default_database/collections/ID/add"),
        ("POST", f"{DATABASES}/default_database/collections/ID/delete"),
        ("POST", f"{DATABASES}/default_database/collections/SPELT/get"),
        ("POST", f"{DATABASES}/default%5Fdatabase/collections/%7BID%7D/get"),
        ("POST", f"{DATABASES}/default_database/collections/by-id/ID/get"),
        ("PUT", f"{DATABASES}/default_database/collections/ID"),
        ("GET", f"{DATABASES}/default_database/collections/ID/count"),
        ("GET", f"{DATABASES}/default_database/collections/ID/indexing_status"),
        ("GET", f"{DATABASES}/default_database/collections/by-id/ID"),
        ("DELETE", f"{DATABASES}/default_database/collections/ID"),
        ("DELETE", f"{DATABASES}/default_database/collections/secret"),
    ],
)
def test_nothing_of_others_is_reached(
    store: Running, issuer: Issuer, theirs: chromadb.Collection, method: str, path: str
) -> None:
    id_ = str(theirs.id)
    for word, value in {"THEIRS": theirs.database, "SPELT": id_.replace("-", "").upper(), "ID": id_}.items():
        path = path.replace(word, value)
    body = {
        "query_embeddings": [[1, 0, 0]],
        "ids": ["x"],
        "embeddings": [[1, 0, 0]],
        "new_name": "taken",
        "name": "new",
    }
    with http(store, issuer.token(sub="mallory")) as mallory:
        refused = mallory.request(method, path, json=body)
    assert refused.status_code in (400, 403, 404), refused.text
    assert set(refused.json()) == {"error", "message"}
    assert theirs.get()["ids"] == ["x"]
    assert theirs.get()["documents"] == ["theirs"]


@pytest.fixture(scope="module")
def theirs(store: Running, issuer: Issuer) -> chromadb.Collection:
    collection = client(store, issuer.token(sub="victor")).create_collection("secret")
    collection.add(ids=["x"], embeddings=[[1, 0, 0]], documents=["theirs"])
    return collection


def test_a_user_who_may_only_read_does_not_write(store: Running, issuer: Issuer) -> None:
    with http(store, issuer.token(sub="frank", scope="openid vectorstore.read")) as frank:
        assert frank.get("/collections").json() == {"collections": []}
        assert frank.get("/healthz/").json()["tenant"] == "acme"
        refused = frank.post("/collections/create", json={"name": "texts"})
        assert (refused.status_code, refused.json()["error"]) == (403, "AuthError")
    with pytest.raises(chromadb.errors.ChromaAuthError):
        client(store, issuer.token(sub="frank", scope="vectorstore.read")).create_collection("notes")


def test_a_wrong_token_is_refused_in_chromas_shape(store: Running, issuer: Issuer) -> None:
    expired = issuer.token(exp=1)
    with pytest.raises(chromadb.errors.AuthorizationError, match="it has expired"):
        client(store, expired)
    for path in ("/stats", "/api/v2/heartbeat", f"{DATABASES}/default_database/collections"):
        refused = httpx.get(f"{store.url}{path}", headers={"authorization": f"Bearer {expired}"})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"


def test_keys_are_valid_beside_tokens_and_open_every_database(store: Running, theirs: chromadb.Collection) -> None:
    with store.http("read-only") as owner:
        assert owner.post(f"{DATABASES}/default_database/collections/{theirs.id}/get", json={}).json()["ids"] == ["x"]


def test_a_users_database_that_the_owner_deleted_is_made_again(start: Start, issuer: Issuer) -> None:
    running = start(JWT_ISSUER=issuer.url, JWT_AUDIENCE=AUDIENCE, JWT_DATABASE_CLAIM="sub", **VECTORS)
    token = issuer.token(sub="gail")
    client(running, token).create_collection("notes")
    with http(running, token) as gail, running.http() as owner:
        (name,) = gail.get("/api/v2/auth/identity").json()["databases"]
        assert owner.delete(f"{DATABASES}/{name}").status_code == 200
    running.end()
    running.restart()
    client(running, token).create_collection("notes")


def test_an_issuers_next_key_is_learnt_and_its_last_set_kept(start: Start) -> None:
    with served(Issuer()) as issuer:
        running = start(JWT_ISSUER=issuer.url, JWT_AUDIENCE=AUDIENCE, **VECTORS)
        with http(running, issuer.token()) as first:
            assert first.get("/stats").status_code == 200
        issuer.add("second", "EdDSA")
        with http(running, issuer.token("second")) as second:
            wait_until(lambda: second.get("/stats").status_code == 200)
        issuer.broken = True
        with http(running, issuer.token("second", sub="somebody else")) as later:
            assert later.get("/stats").status_code == 200
    assert (
        "default_database"
        in httpx.get(f"{running.url}/api/v2/auth/identity", headers={"x-chroma-token": running.key()}).json()[
            "databases"
        ]
    )


def test_a_user_has_the_same_database_at_every_pod(start: Start, issuer: Issuer) -> None:
    settings = {"JWT_ISSUER": issuer.url, "JWT_AUDIENCE": AUDIENCE, "JWT_DATABASE_CLAIM": "sub", **VECTORS}
    leader = start(**settings)
    keys = {name: leader.key(name) for name in ("read-write", "read-only", "internal")}
    follower = start(keys, POD_INDEX="1", LEADER_URL=leader.url, **settings)
    ada, bob = (issuer.token(sub=name) for name in ("ada", "bob"))
    written = client(follower, ada).create_collection("notes")
    written.add(ids=["a"], embeddings=[[1, 0, 0]])
    assert client(leader, ada).get_collection("notes").get()["ids"] == ["a"]
    with http(follower, ada) as texts, http(leader, ada) as same:
        assert texts.get("/collections").json() == same.get("/collections").json() != {"collections": []}
        whose = texts.get("/api/v2/auth/identity").json()
        assert whose == same.get("/api/v2/auth/identity").json()
    for pod in (leader, follower):
        assert client(pod, bob).list_collections() == []
        with http(pod, bob) as stranger:
            taken = stranger.post(f"{DATABASES}/default_database/collections/{written.id}/get", json={})
        assert taken.status_code == 404
    assert leader.chroma().list_collections() == []
