"""TLS from the client to the leader: one certificate, which names the store and none of its pods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.e2e import manifests
from tests.e2e.cluster import Cluster
from tests.e2e.pods import Client
from tests.e2e.stores import Store

ASK = """
import http.client, json, socket, ssl, sys
host, name, authority, method, path, key, body = sys.argv[1:]
context = ssl.create_default_context(cadata=authority)
raw = socket.create_connection((host, 8000), timeout=30)
connection = http.client.HTTPConnection(host)
connection.sock = context.wrap_socket(raw, server_hostname=name)
headers = {'x-chroma-token': key, 'content-type': 'application/json'}
connection.request(method, path, body or None, headers)
answer = connection.getresponse()
print(json.dumps([answer.status, answer.read().decode()]))
"""
"""One request to a host whose certificate must be for a name: a single pod's is for the store."""


COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


@pytest.fixture(scope="module")
def plan(cluster: Cluster) -> Iterator[str]:
    cluster.apply(manifests.plan("e2e-pair", models=["none"], replicas={"min": 2, "max": 2}))
    yield "e2e-pair"
    cluster.delete("vstplan", "e2e-pair")


def test_two_pods_serve_tls_once_their_certificate_is_there(
    cluster: Cluster, client: Client, plan: str, tmp_path: Path
) -> None:
    spec = {"plan": plan, "model": "none", "dimension": 3, "tls": {"secretName": "acme-cert"}}
    cluster.apply(manifests.store("acme", **spec))
    cluster.wait("vst/acme", "condition=Accepted=False")
    assert cluster.condition("vst/acme", "Accepted")["reason"] == "CertificateMissing"

    authority = trustme.CA()
    made = authority.issue_cert(f"acme.{cluster.namespace}.svc")
    (tmp_path / "tls.crt").write_bytes(made.cert_chain_pems[0].bytes())
    (tmp_path / "tls.key").write_bytes(made.private_key_pem.bytes())
    files = (f"--cert={tmp_path / 'tls.crt'}", f"--key={tmp_path / 'tls.key'}")
    cluster.kubectl("create", "secret", "tls", "acme-cert", *files)
    store = Store(cluster, "acme", **spec)
    assert store.url == f"https://acme.{cluster.namespace}.svc:8000"

    def ask(host: str, method: str, path: str, body: object = None) -> str:
        text = json.dumps(body) if body is not None else ""
        trusted = authority.cert_pem.bytes().decode()
        said = client.python(ASK, host, f"acme.{cluster.namespace}.svc", trusted, method, path, store.key(), text)
        status, answer = json.loads(said)
        assert status == 200, answer
        return str(answer)

    leader, follower = (f"acme-{n}.acme-headless.{cluster.namespace}.svc" for n in (0, 1))
    ask(follower, "POST", "/collections/create", {"name": "through-the-follower"})
    for host in (leader, f"acme.{cluster.namespace}.svc"):
        assert "through-the-follower" in ask(host, "GET", COLLECTIONS)
