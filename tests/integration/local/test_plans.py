"""What a plan offers beside the shipped ones, on one machine: endpoints, limits, issuers, origins."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.embeddings import DIMENSION, KEY, served
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.issuer import served as issuing
from tests.support.machine import Machine, manifest


def plan(**spec: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "vectorstore.dev/v1alpha1",
            "kind": "VectorStorePlan",
            "metadata": {"name": "mine"},
            "spec": {"documents": 1000, **spec},
        }
    )


def ask(url: str, key: str, body: object = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, JSON and headers of an answer."""
    data = None if body is None else json.dumps(body).encode()
    given = {"authorization": f"Bearer {key}", "content-type": "application/json"} | headers
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, given)) as answer:
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal), dict(refusal.headers)


def test_a_store_of_an_endpoint_wants_its_key_and_keeps_to_its_plan(machine: Machine) -> None:
    with served() as endpoint, issuing(Issuer()) as issuer:
        remote = {"model": "e5", "url": endpoint, "dimension": DIMENSION, "secretName": "e5"}
        offers = plan(embeddings=[remote], issuers=[issuer.url], limits={"batchRows": 2})
        jwt = {"issuer": issuer.url, "audience": AUDIENCE}
        wish = {"plan": "mine", "model": "e5", "dimension": None, "jwt": jwt, "corsOrigins": ["https://app.example"]}
        file = machine.home / "secrets" / "e5" / "api-key"
        assert f"acme: there is no key for {endpoint} in {file}; put it there" in machine.up(
            offers, manifest(**wish), code=1
        )
        file.parent.mkdir(parents=True)
        file.write_text(KEY)
        machine.up(offers, manifest(**wish))

        store = machine.get()
        url, key = store["url"], Path(store["readWriteKeyFile"]).read_text().strip()
        assert ask(f"{url}/embed/", key, {"documents": ["a cat", "a bank"]})[0] == 200
        token = issuer.token()
        found = ask(f"{url}/search/", token, {"query": "a bank", "n_results": 1}, origin="https://app.example")
        assert (found[0], found[1]["results"][0]["document"]) == (200, "a bank")
        assert found[2]["access-control-allow-origin"] == "https://app.example"
        assert ask(f"{url}/search/", issuer.token(aud="another"), {"query": "x"})[0] == 401
        assert ask(f"{url}/embed/", key, {"documents": ["a", "b", "c"]})[0] == 413


def test_a_plan_for_others_is_refused(machine: Machine) -> None:
    told = machine.up(plan(allowedNamespaces={"names": ["team-a"]}), manifest(plan="mine"), code=1)
    assert "acme: spec.plan: plan mine is for namespaces team-a, and the store is in default" in told
    told = machine.up(plan(allowedNamespaces={"matchLabels": {"team": "a"}}), manifest(plan="mine"), code=1)
    assert "plan mine is for namespaces labelled team=a" in told
