"""`spec.tls` on one machine: the Secret is a folder."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.request

import trustme
from tests.support.machine import Machine, manifest


def test_a_store_speaks_tls_with_the_certificate_in_the_secrets_place(machine: Machine) -> None:
    machine.up(manifest())
    plain = machine.get()
    secured = manifest(tls={"secretName": "cert"})
    folder = machine.home / "secrets" / "cert"
    said = machine.up(secured, code=1)
    assert f"spec.tls.secretName: there is no tls.crt and no tls.key in {folder}" in said
    assert machine.get() == plain, "what ran goes on"
    asleep = machine.up(manifest(tls={"secretName": "cert"}, hibernated=True))
    assert "acme is hibernated" in asleep, "nothing is to start with it"
    assert "there is no tls.crt" in machine.run("wake", "acme", code=1).stderr

    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    folder.mkdir(parents=True)
    (folder / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    (folder / "tls.key").write_bytes(made.private_key_pem.bytes())
    machine.up(secured)
    assert machine.get()["state"] == "Ready"
    url = machine.get()["url"]
    assert url == plain["url"].replace("http:", "https:")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with urllib.request.urlopen(f"{url}/api/v2/heartbeat", context=context) as answer:
        assert answer.status == 200
    (folder / "ca.crt").write_bytes(authority.cert_pem.bytes())
    shell = machine.run("connect", "acme").stdout.split("# Python")[0]
    done = subprocess.run(["bash", "-euc", shell], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["documents"] == 0, done.stderr
