"""Short of disk or memory nothing more comes in, and all that is there can be read, deleted and dropped."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import chromadb.errors
import pytest
from tests.support.instances import Running
from tests.support.limits import shape

from vectorstore_instance.core.errors import ApiError
from vectorstore_instance.engine import DATABASE
from vectorstore_instance.engine.cgroup import Memory
from vectorstore_instance.engine.local import LocalEngine
from vectorstore_instance.engine.pressure import Pressure
from vectorstore_instance.settings import Limits, Settings

Start = Callable[..., Running]


def test_a_tenant_that_fills_its_disk_is_told_in_time_and_goes_on_when_there_is_room(
    start: Start, volume: Path
) -> None:
    running = start(DATA_DIR=str(volume / "data"), MODEL_NAME="none", DIMENSION="3")
    chroma = running.chroma()
    dropped = chroma.create_collection("dropped", embedding_function=None)
    rows = chroma.create_collection("rows", embedding_function=None)
    dropped.add(ids=["a"], embeddings=[[1, 2, 3]])
    (volume / "ballast").write_bytes(b"\0" * (36 << 20))
    written, refusals, size = 0, [], 1 << 20
    while size > 100 and written < 1000:
        try:
            rows.add(ids=[f"r{written}"], embeddings=[[1, 2, written]], documents=["x" * size])
            written += 1
        except chromadb.errors.InternalError as refusal:
            refusals.append(str(refusal))
            size //= 2
    assert written
    assert "send less at once" in refusals[0]
    assert "the store is read-only: delete collections or have its volume enlarged" in refusals[-1]
    # A client that opens what is there adds nothing, even where it would make what is not.
    assert chroma.get_or_create_collection("rows", embedding_function=None).id == rows.id
    with running.http() as http:
        assert shape(http.get("/healthz/").json()["read_only"]) == shape(refusals[-1])
        refused = http.post("/collections/create", json={"name": "more"})
        assert (refused.status_code, refused.json()["error"]) == (507, "InternalError")
    assert rows.count() == written
    assert rows.query(query_embeddings=[[1, 2, 0]], n_results=1)["ids"] == [["r0"]]
    rows.delete(ids=["r0"])
    chroma.delete_collection("dropped")
    (volume / "ballast").unlink()
    rows.add(ids=["again"], embeddings=[[1, 2, 3]])
    assert rows.count() == written
    with running.http() as http:
        assert "read_only" not in http.get("/healthz/").json()
    assert running.log.count("the store is read-only: disk") == 1
    assert running.log.count("the store may be written again") == 1
    assert "met a full disk" not in running.log


class Group:
    """A control group whose memory a test fills."""

    used = 10

    def memory(self) -> Memory:
        return Memory(self.used, 100)


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[LocalEngine, Pressure, Group]]:
    """A real engine in a control group of the test's own."""
    group = Group()
    made: list[Pressure] = []

    def pressure(folder: Path, limits: Callable[[], Limits]) -> Pressure:
        made.append(Pressure(folder, limits, memory=group.memory))
        return made[0]

    monkeypatch.setattr("vectorstore_instance.engine.local.Pressure", pressure)
    engine = LocalEngine(Settings(data_dir=tmp_path / "data", model_name="none", dimension=3), Limits)
    await engine.start()
    yield engine, made[0], group
    await engine.stop()


async def test_short_of_memory_the_store_is_read_until_there_is_some_again(
    store: tuple[LocalEngine, Pressure, Group],
) -> None:
    engine, pressure, group = store

    async def ask(method: str, path: str, **body: object) -> int:
        return (await engine.request(method, f"{DATABASE}/collections{path}", json.dumps(body).encode())).status

    made = await engine.request("POST", f"{DATABASE}/collections", b'{"name": "rows"}')
    rows = f"/{json.loads(made.body)['id']}"
    assert await ask("POST", f"{rows}/add", ids=["a", "b"], embeddings=[[1, 2, 3]] * 2) == 201
    group.used = 90
    await pressure.look()
    assert "memory: 90 of 100 bytes are used" in engine.state().read_only
    for path, body in ((f"{rows}/upsert", {"ids": ["c"], "embeddings": [[1, 2, 3]]}), ("", {"name": "more"})):
        with pytest.raises(ApiError) as refused:
            await ask("POST", path, **body)
        assert refused.value.status == 507
    assert await ask("POST", f"{rows}/query", query_embeddings=[[1, 2, 3]]) == 200
    assert await ask("POST", f"{rows}/delete", ids=["a"]) == 200
    group.used = 70
    await pressure.look()
    assert engine.state().read_only == ""
    assert await ask("POST", f"{rows}/upsert", ids=["c"], embeddings=[[1, 2, 3]]) == 200
    assert (await engine.usage()).documents == 2
    assert await ask("DELETE", "/rows") == 200
