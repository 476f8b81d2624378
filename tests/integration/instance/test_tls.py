"""HTTPS on the tenant port, from files that change while it serves."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import chromadb
import httpx
import pytest
import trustme
from tests.support.instances import Running, wait_until

from vectorstore_instance.core.tls import leader_trust, server_context
from vectorstore_instance.engine.client import Client, UpstreamLost

Start = Callable[..., Running]
VECTORS = {"MODEL_NAME": "none", "DIMENSION": "3"}


def put(folder: Path, authority: trustme.CA, *names: str) -> str:
    """Writes a new certificate as a mounted Secret changes: all files at once, by a symlink; returns its serial."""
    made = authority.issue_cert(*(names or ("127.0.0.1", "localhost")))
    folder.mkdir(exist_ok=True)
    data = folder / f"..{len(os.listdir(folder))}"
    data.mkdir()
    (data / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    (data / "tls.key").write_bytes(made.private_key_pem.bytes())
    authority.cert_pem.write_to_path(data / "ca.crt")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    (folder / "..next").symlink_to(data.name)
    os.replace(folder / "..next", folder / "..data")
    return ssl._ssl._test_decode_cert(str(data / "tls.crt"))["serialNumber"]  # type: ignore[attr-defined,no-any-return]


def presented(running: Running, authority: trustme.CA) -> str:
    """The serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with (
        socket.create_connection(("127.0.0.1", running.port)) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as connection,
    ):
        found = connection.getpeercert()
    assert found
    return str(found["serialNumber"])


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tls"


def test_a_large_answer_is_under_way_until_it_is_read_and_so_never_cut_off(
    start: Start, folder: Path, authority: trustme.CA, tmp_path: Path
) -> None:
    put(folder, authority)
    (tmp_path / "limits.json").write_text('{"max_concurrent": 1}')
    running = start(TLS_DIR=str(folder), LIMITS_FILE=str(tmp_path / "limits.json"), **VECTORS)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    url, large = f"https://127.0.0.1:{running.port}", "x" * (16 << 20)
    with httpx.Client(base_url=url, verify=context, headers={"x-chroma-token": running.key()}, timeout=60) as http:
        http.post("/collections/create", json={"name": "rows"}).raise_for_status()
        row = {"ids": ["a"], "embeddings": [[1, 2, 3]], "documents": [large]}
        http.post("/collections/rows/upsert", json=row).raise_for_status()
        with http.stream("POST", "/collections/rows/get", json={}) as answer:
            assert http.get("/stats").status_code == 429
            assert len(answer.read()) > len(large)
        wait_until(lambda: http.get("/stats").status_code == 200)


def test_a_certificate_is_exchanged_under_open_connections(start: Start, folder: Path, authority: trustme.CA) -> None:
    first = put(folder, authority)
    running = start(TLS_DIR=str(folder), **VECTORS)
    assert presented(running, authority) == first
    context = ssl.create_default_context()
    authority.configure_trust(context)
    url = f"https://127.0.0.1:{running.port}"
    with httpx.Client(base_url=url, verify=context, headers={"x-chroma-token": running.key()}) as kept:
        assert kept.get("/api/v2/auth/identity").status_code == 200
        stream = kept.get("/api/v2/auth/identity").extensions["network_stream"]

        second = put(folder, authority)
        wait_until(lambda: presented(running, authority) == second)
        again = kept.get("/api/v2/auth/identity")
        assert (again.status_code, again.extensions["network_stream"]) == (200, stream), "the connection was dropped"

        (folder / "..data" / "tls.key").write_text("no key")
        wait_until(lambda: bool(presented(running, authority)) and "TLS_DIR" in running.log)
        assert presented(running, authority) == second

        third = put(folder, authority)
        wait_until(lambda: presented(running, authority) == third)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{running.port}/healthz/")
    assert httpx.get(f"{running.management_url}/livez").status_code == 200


def test_chromas_client_speaks_tls(start: Start, folder: Path, authority: trustme.CA, tmp_path: Path) -> None:
    put(folder, authority)
    running = start(TLS_DIR=str(folder), **VECTORS)
    settings = chromadb.Settings(chroma_server_ssl_verify=str(folder / "ca.crt"))
    client = chromadb.HttpClient(
        "127.0.0.1", running.port, ssl=True, headers={"x-chroma-token": running.key()}, settings=settings
    )
    made = client.create_collection("over-tls")
    made.add(ids=["a"], embeddings=[[1, 2, 3]])
    assert made.query(query_embeddings=[[1, 2, 3]])["ids"] == [["a"]]


def test_a_client_that_keeps_its_connection_holds_up_no_end(start: Start, folder: Path, authority: trustme.CA) -> None:
    put(folder, authority)
    running = start(TLS_DIR=str(folder), **VECTORS)
    with httpx.Client(base_url=f"https://127.0.0.1:{running.port}", verify=trusting(authority)) as client:
        assert client.get("/healthz/").status_code == 200
        assert running.process is not None
        running.process.terminate()
        assert running.process.wait(20) == 0  # asyncio waits for its word of farewell for 30


def test_old_versions_are_refused(folder: Path, authority: trustme.CA) -> None:
    put(folder, authority)
    assert server_context(folder).minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("signed_by", ["an authority beside it", "an authority unknown"])
def test_a_follower_verifies_its_leader_by_the_certificate_they_share(
    start: Start, folder: Path, authority: trustme.CA, signed_by: str
) -> None:
    """It names neither pod, and is exchanged under both of them."""
    put(folder, authority, "store.example.org", "127.0.0.1")
    if signed_by == "an authority unknown":
        (folder / "ca.crt").unlink()
    leader = start(TLS_DIR=str(folder), **VECTORS)
    keys = {name: leader.key(name) for name in ("read-write", "read-only", "internal")}
    url = f"https://localhost:{leader.port}"
    follower = start(keys, POD_INDEX="1", LEADER_URL=url, TLS_DIR=str(folder), **VECTORS)
    client = httpx.Client(
        base_url=f"https://127.0.0.1:{follower.port}",
        verify=trusting(authority),
        headers={"x-chroma-token": follower.key()},
    )
    client.post("/collections/create", json={"name": "through-the-follower"}).raise_for_status()
    assert client.get("/api/v1/database/x/status").status_code == 404, "what is handed to the leader whole"

    second = put(folder, authority, "store.example.org", "127.0.0.1")
    wait_until(lambda: presented(leader, authority) == presented(follower, authority) == second)
    assert client.get("/stats").status_code == 200
    assert client.get("/api/v1/database/x/status").status_code == 404


@pytest.mark.parametrize("case", ["a stranger's", "of the same authority, for another store"])
async def test_a_leader_that_proves_something_else_is_not_asked(
    start: Start, folder: Path, authority: trustme.CA, tmp_path: Path, case: str
) -> None:
    put(folder, authority, "store.example.org")
    signed_by = authority if "same" in case else trustme.CA()
    put(tmp_path / "other", signed_by, *(["other.example.org"] if "same" in case else ["store.example.org"]))
    leader = start(TLS_DIR=str(tmp_path / "other"), **VECTORS)
    url = f"https://localhost:{leader.port}"
    with pytest.raises(UpstreamLost, match="certificate verify failed"):
        await Client(url, tls=leader_trust(folder)).request("GET", "/api/v2/heartbeat")
    reply = await Client(url, tls=leader_trust(tmp_path / "other")).request("GET", "/api/v2/heartbeat")
    assert reply.ok


@pytest.mark.parametrize("case", ["missing", "mismatched", "empty", "encrypted"])
def test_wrong_files_are_refused_with_what_to_do(folder: Path, authority: trustme.CA, case: str) -> None:
    put(folder, authority)
    if case == "missing":
        (folder / "tls.key").unlink()
    elif case == "mismatched":
        (folder / "..data" / "tls.key").write_bytes(authority.issue_cert("other").private_key_pem.bytes())
    elif case == "empty":
        (folder / "..data" / "tls.crt").write_text("")
    else:
        (folder / "..data" / "tls.key").write_bytes(_encrypted(folder / "..data" / "tls.key"))
    with pytest.raises(ValueError, match=r"TLS_DIR: .*(put the certificate and its key there|both must be PEM)"):
        server_context(folder)


def test_wrong_files_at_the_start_are_named_and_leave_no_stack_trace(start: Start, folder: Path) -> None:
    with pytest.raises(AssertionError) as failed:
        start(TLS_DIR=str(folder), **VECTORS)
    assert f"TLS_DIR: {folder}/tls.crt: No such file" in str(failed.value)
    assert "Traceback" not in str(failed.value)


def test_a_wrong_authority_is_named(folder: Path, authority: trustme.CA) -> None:
    put(folder, authority)
    (folder / "..data" / "ca.crt").write_text("nothing of the kind")
    with pytest.raises(ValueError, match=r"TLS_DIR: .*ca.crt.*it must hold PEM certificates"):
        leader_trust(folder)


def test_a_certificate_for_no_host_is_named(folder: Path, authority: trustme.CA) -> None:
    put(folder, authority)
    (folder / "..data" / "tls.crt").write_bytes(_for_nobody())
    with pytest.raises(ValueError, match=r"TLS_DIR: .*tls.crt: names no host.*subjectAltName"):
        leader_trust(folder)


def _encrypted(path: Path) -> bytes:
    from cryptography.hazmat.primitives import serialization as s

    key = s.load_pem_private_key(path.read_bytes(), None)
    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"password"))


def _for_nobody() -> bytes:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /dev/null"
    return subprocess.run(command.split(), capture_output=True, check=True).stdout
