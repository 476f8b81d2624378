"""Archives: what goes in comes out, and what was changed, cut off or made up is refused."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectorstore_instance.archive import Archive, ArchiveError, Embedding, File, Manifest, NewerFormat, RowDigest, pack
from vectorstore_instance.archive.zstd import CompressionParameter, ZstdCompressor

SEGMENT = "11111111-2222-3333-4444-555555555555"
FILES = {
    "chroma.sqlite3": b"SQLite format 3\0" + bytes(range(256)) * 40,
    f"{SEGMENT}/data_level0.bin": bytes(range(256)) * 9,
    f"{SEGMENT}/link_lists.bin": b"",
    "documents/files.sqlite3": b"ledger",
    "documents/0123456789abcdef/tmp_x1": b"a" * 512,
}


def described(files: dict[str, bytes]) -> Manifest:
    return Manifest(
        release="1",
        chromadb="1.5.9",
        taken=datetime(2026, 1, 2, tzinfo=UTC),
        tenant="acme",
        embedding=Embedding(model="none", dimension=3, precision="none"),
        sequence=7,
        pause=0.01,
        collections=(),
        files=tuple(
            File(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())
            for name, content in files.items()
        ),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("store")
    for name, content in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    return made


@pytest.fixture(scope="module")
def packed(folder: Path) -> bytes:
    return b"".join(pack(described(FILES), folder))


def squeeze(tar: bytes) -> bytes:
    packer = ZstdCompressor(options={CompressionParameter.checksum_flag: 1})
    return packer.compress(tar) + packer.flush()


def tarred(*members: tuple[tarfile.TarInfo | str, bytes], end: bytes = b"\0" * 1024) -> bytes:
    """An archive of these members, whatever they are."""
    made = b""
    for member, content in members:
        if isinstance(member, str):
            member = tarfile.TarInfo(member)
            member.size = len(content)
        made += member.tobuf(tarfile.GNU_FORMAT) + content + b"\0" * (-len(content) % 512)
    return squeeze(made + end)


def told(**changes: object) -> bytes:
    return json.dumps(json.loads(described(FILES).model_dump_json()) | changes).encode()


def complete(manifest: bytes) -> tuple[str, bytes]:
    return "complete.json", json.dumps({"manifest": hashlib.sha256(manifest).hexdigest()}).encode()


def refused(packed: bytes, kind: type[ArchiveError] = ArchiveError) -> str:
    with pytest.raises(kind) as refusal:
        Archive(io.BytesIO(packed)).verify()
    return str(refusal.value)


def test_what_goes_in_comes_out(packed: bytes, tmp_path: Path) -> None:
    archive = Archive(io.BytesIO(packed))
    assert archive.manifest == described(FILES)
    archive.extract(tmp_path)
    assert {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == FILES


def test_it_is_a_tar_that_other_programs_read(packed: bytes) -> None:
    from vectorstore_instance.archive.zstd import ZstdDecompressor

    with tarfile.open(fileobj=io.BytesIO(ZstdDecompressor().decompress(packed))) as tar:
        assert tar.getnames() == ["manifest.json", *FILES, "complete.json"]


def test_a_stream_that_gives_one_byte_at_a_time_is_as_good(packed: bytes) -> None:
    whole = io.BytesIO(packed)

    class Slow:
        def read(self, size: int, /) -> bytes:
            return whole.read(1)

    Archive(Slow()).verify()


def test_every_cut_is_noticed(packed: bytes) -> None:
    for end in range(0, len(packed), 7):
        assert "ends in its middle" in refused(packed[:end])
    assert "ends in its middle" in refused(packed[:-1])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(packed: bytes, folder: Path, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(packed) - 1))
    changed = bytearray(packed)
    changed[at] ^= data.draw(st.integers(1, 255))
    seen: dict[str, bytes] = {}
    try:
        archive = Archive(io.BytesIO(bytes(changed)))
        archive._files(lambda file, blocks: seen.update({file.name: b"".join(blocks)}))
    except ArchiveError:
        return
    assert (archive.manifest, seen) == (described(FILES), FILES)  # zstd has a bit or two that mean nothing


def test_something_behind_it_is_refused(packed: bytes) -> None:
    assert "follows the archive" in refused(packed + b"x")
    assert "follows the archive" in refused(packed + packed)


def test_a_file_with_other_bytes_is_named() -> None:
    manifest = told()
    members = list(FILES.items())
    members[1] = (members[1][0], bytes(len(members[1][1])))
    assert f"{SEGMENT}/data_level0.bin" in refused(tarred(("manifest.json", manifest), *members, complete(manifest)))


def test_an_end_of_another_archive_is_refused() -> None:
    packed = tarred(("manifest.json", told()), *FILES.items(), complete(told(tenant="other")))
    assert "another manifest" in refused(packed)


def test_a_newer_format_is_refused_before_its_fields_are_looked_at() -> None:
    packed = tarred(("manifest.json", b'{"format": 2, "everything": "new"}'))
    assert "format: 2" in refused(packed, NewerFormat)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/passwd",
        f"{SEGMENT}/../../x",
        f"{SEGMENT}/..",
        f"{SEGMENT}/.hidden",
        "documents/../x/y",
        "documents/0123456789abcdef/a/b",
        "chroma.sqlite3\n",
        "clean",
        "restored.json",
        "chroma.sqlite3-wal",
    ],
)
def test_no_manifest_names_a_place_that_is_not_the_stores(name: str) -> None:
    files = [*json.loads(told())["files"], {"name": name, "size": 1, "sha256": "0" * 64}]
    assert "files.5.name" in refused(tarred(("manifest.json", told(files=files))))


def link(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("chroma.sqlite3")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE],
)
def test_no_member_but_a_plain_file_is_read(kind: bytes) -> None:
    assert "altered" in refused(tarred(("manifest.json", told()), (link(kind), b"")))


def test_members_are_those_of_the_manifest_in_its_order() -> None:
    files = list(FILES.items())
    assert "was expected" in refused(tarred(("manifest.json", told()), *reversed(files)))
    assert "was expected" in refused(tarred(("manifest.json", told()), ("../x", b"x")))
    manifest = told()
    packed = tarred(("manifest.json", manifest), *files, complete(manifest), ("more", b"x"))
    assert "something follows" in refused(packed)


def test_a_bomb_is_noticed_where_it_begins() -> None:
    """A member says a terabyte, or the stream goes on with zeros: neither is unpacked beyond what the manifest says."""
    huge = tarfile.TarInfo("chroma.sqlite3")
    huge.size = 1 << 40
    assert "is said to have" in refused(tarred(("manifest.json", told()), (huge, b"")))
    manifest = tarfile.TarInfo("manifest.json")
    manifest.size = 1 << 40
    assert "is said to have" in refused(tarred((manifest, b"")))
    zeros = tarred(("manifest.json", told()), *FILES.items(), complete(told()), end=b"\0" * (64 << 20))
    assert "does not end as a tar does" in refused(zeros)


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (b"", "ends in its middle"),
        (b"no archive at all", "no zstd archive"),
        (squeeze(b"x" * 600), "no tar header"),
        (tarred(("other.json", b"{}")), "manifest.json was expected"),
        (tarred(("manifest.json", b"[1]")), "not a JSON object"),
        (tarred(("manifest.json", b"{")), "manifest.json"),
        (tarred(("manifest.json", b"[" * 100_000)), "manifest.json"),
        (tarred(("manifest.json", told(sequence=-1))), "sequence"),
        (tarred(("manifest.json", told(files=[]))), "chroma.sqlite3 is missing"),
    ],
)
def test_what_is_no_archive_is_told_so(packed: bytes, says: str) -> None:
    assert says in refused(packed)


def test_a_file_that_changed_since_it_was_described_breaks_the_archive_off(folder: Path) -> None:
    longer = FILES | {"chroma.sqlite3": FILES["chroma.sqlite3"] + b"x"}
    for files in (longer, {"chroma.sqlite3": b"less"}):
        with pytest.raises(OSError, match=r"chroma\.sqlite3"):
            list(pack(described(files), folder))


def test_a_checksum_of_rows_is_what_the_documentation_says() -> None:
    digest = RowDigest()
    digest.update([("a", b"\0\0\x80?")])
    digest.update([("é", b""), ("\U0001f600", b"1234")])
    by_hand = b"\1\0\0\0a\4\0\0\0\0\0\x80?" + b"\2\0\0\0\xc3\xa9\0\0\0\0" + b"\4\0\0\0\xf0\x9f\x98\x80\4\0\0\x001234"
    assert (digest.count, digest.hexdigest()) == (3, hashlib.sha256(by_hand).hexdigest())
    with pytest.raises(ValueError, match="order"):
        digest.update([("b", b"")])
