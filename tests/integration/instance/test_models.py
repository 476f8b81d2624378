"""The choices of a model on running instances: int8, an endpoint, and that a store keeps to the one it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.embeddings import DIMENSION, KEY, Handler, served
from tests.support.instances import Running

Start = Callable[..., Running]


@pytest.fixture
def endpoint() -> Iterator[str]:
    with served() as url:
        yield url


def refused_start(running: Running) -> str:
    """Starts it once more, which must fail; what it says."""
    running.end()
    before = len(running.log)
    with pytest.raises(AssertionError):
        running.start()
    return running.log[before:]


def test_a_store_of_int8_searches_by_meaning_and_never_becomes_one_of_fp32(start: Start) -> None:
    running = start(PRECISION="int8")
    with running.http() as http:
        documents = ["The weather is lovely today.", "He drove to the stadium."]
        assert http.post("/embed/", json={"documents": documents}).status_code == 200
        (hit,) = http.post("/search/", json={"query": "It's so sunny outside!", "n_results": 1}).json()["results"]
        assert hit["document"] == documents[0]
        assert hit["distance"] == pytest.approx(1 - 0.6660, abs=0.03)
    running.environ["PRECISION"] = "fp32"
    assert "PRECISION: fp32 is set, and the data" in refused_start(running)
    running.environ["PRECISION"] = "int8"
    running.restart()


def test_a_store_embeds_by_an_endpoint_and_says_when_that_fails(start: Start, endpoint: str, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    environ = {"EMBED_URL": endpoint, "EMBED_KEY_FILE": str(key), "MODEL_NAME": "their-model"}
    running = start(**environ, DIMENSION=str(DIMENSION))
    with running.http() as http:
        long = " ".join(f"Sentence number {n} says little." for n in range(200))
        made = http.post("/embed/?chunk=true", json={"documents": ["one", long], "ids": ["one", "long"]})
        assert made.json()["chunked"][0]["chunks"] > 2, made.text
        (hit,) = http.post("/search/", json={"query": "one", "n_results": 1}).json()["results"]
        assert (hit["id"], hit["distance"]) == ("one", pytest.approx(0, abs=1e-6))

        key.write_text("sk-another")
        while (reply := http.post("/search/", json={"query": "one"})).status_code == 200:
            pass  # the file is looked at twice a second
        assert reply.status_code == 502
        assert "refuses the key (401)" in reply.json()["message"]
        assert "sk-" not in reply.text
        Handler.down = True
        reply = http.post("/embed/", json={"documents": ["two"]})
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "10")
        assert "answers 500; try again later" in reply.json()["message"]
    assert "sk-" not in running.log
    running.environ |= {"MODEL_NAME": "other-model"}
    assert "MODEL_NAME: other-model is set" in refused_start(running)
