"""What a plan offers beyond the shipped ones: an endpoint that embeds, issuers of tokens, limits, origins."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from tests.e2e import manifests
from tests.e2e.cluster import Cluster, eventually
from tests.e2e.pods import Client, pod
from tests.e2e.stores import Store
from tests.support.issuer import AUDIENCE, Issuer

KEY = "sk-of-the-endpoint"
ORIGIN = "https://app.example.com"

ELSEWHERE = """
import hashlib, json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.say(200, json.loads(sys.argv[1]))
    def do_POST(self):
        texts = json.loads(self.rfile.read(int(self.headers['content-length'])))['input']
        vectors = [[float(byte) for byte in hashlib.sha256(text.encode()).digest()[:8]] for text in texts]
        known = self.headers['authorization'] == 'Bearer ' + sys.argv[2]
        data = [{'index': index, 'embedding': vector} for index, vector in enumerate(vectors)]
        self.say(200 if known else 401, {'data': data} if known else {})
    def say(self, status, content):
        answer = json.dumps(content).encode()
        self.send_response(status)
        self.send_header('content-length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
HTTPServer(('0.0.0.0', 8080), Handler).serve_forever()
"""
"""An embedding endpoint that wants a key, and an issuer's key set."""

PREFLIGHT = """
import sys, urllib.request
headers = {'Origin': sys.argv[2], 'Access-Control-Request-Method': 'POST'}
with urllib.request.urlopen(urllib.request.Request(sys.argv[1], None, headers, method='OPTIONS')) as answer:
    print(answer.headers['access-control-allow-origin'])
"""


@pytest.fixture(scope="module")
def issuer(cluster: Cluster) -> Issuer:
    """Signs in this process; its keys are published in the cluster."""
    made = Issuer()
    made.url = f"http://elsewhere.{cluster.namespace}.svc:8080"
    return made


@pytest.fixture(scope="module")
def plan(cluster: Cluster, issuer: Issuer) -> Iterator[str]:
    """A plan for this namespace alone, and what it offers in a pod elsewhere."""
    port = [{"port": 8080}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "elsewhere"}}
    cluster.apply(
        pod("elsewhere", ELSEWHERE, json.dumps(issuer.key_set()), KEY),
        service | {"spec": {"selector": {"e2e": "elsewhere"}, "ports": port}},
        manifests.plan(
            "e2e-offers",
            models=["none"],
            embeddings=[{"model": "e5", "url": f"{issuer.url}/v1", "dimension": 8, "secretName": "elsewhere"}],
            issuers=[issuer.url],
            limits={"batchRows": 2},
            allowedNamespaces={"names": [cluster.namespace]},
            network={"egress": [{"to": [{"podSelector": {"matchLabels": {"e2e": "elsewhere"}}}], "ports": [8080]}]},
        ),
    )
    yield "e2e-offers"
    cluster.delete("vstplan", "e2e-offers", "--wait=false")


def test_a_store_uses_all_that_its_plan_offers(cluster: Cluster, client: Client, plan: str, issuer: Issuer) -> None:
    jwt = {"issuer": issuer.url, "audience": AUDIENCE, "jwksUrl": f"{issuer.url}/keys"}
    cluster.apply(manifests.store("acme", plan=plan, model="e5", jwt=jwt, corsOrigins=[ORIGIN]))

    def waits() -> None:
        assert cluster.condition("vst/acme", "Accepted")["reason"] == "SecretMissing"

    eventually(waits)
    key = base64.b64encode(KEY.encode()).decode()
    cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "elsewhere"}, "data": {"api-key": key}})
    store = Store(cluster, "acme", plan=plan, model="e5", jwt=jwt, corsOrigins=[ORIGIN])

    store.ask(client, "POST", "/embed/", {"documents": ["a cat", "a bank"]})
    question = {"query": "a bank", "n_results": 1}
    status, found = client.request("POST", f"{store.url}/search/", issuer.token(), question)
    assert (status, found["results"][0]["document"]) == (200, "a bank")
    assert client.request("POST", f"{store.url}/search/", issuer.token(aud="another"), question)[0] == 401
    assert client.request("POST", f"{store.url}/embed/", store.key(), {"documents": ["a", "b", "c"]})[0] == 413
    assert client.python(PREFLIGHT, f"{store.url}/search/", ORIGIN) == ORIGIN

    def counted() -> None:
        assert cluster.get("vstplan", plan)["status"]["stores"] == 1

    eventually(counted)


def test_a_plan_is_not_for_other_namespaces(cluster: Cluster, plan: str) -> None:
    with Cluster(f"{cluster.namespace}-2") as other:
        other.apply(manifests.store("acme", plan=plan, model="none", dimension=3))

        def refused() -> None:
            assert other.condition("vst/acme", "Accepted")["reason"] == "PlanNotAllowed"

        eventually(refused)
