"""What is wrong in a file of records is told by line, field and value, and nothing of it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from arro3.core import Array, DataType, Table, list_array
from arro3.io import write_parquet
from tests.support.volumes import small

from vectorstore_operator.local import Problem
from vectorstore_operator.migrate.files import jsonl, parquet, tree
from vectorstore_operator.migrate.records import Collection, Records

FIRST = '{"id": "a", "embedding": [1, 2]}\n'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"embedding": [1, 2]}', "wrong.jsonl:2: Object missing required field `id`"),
        ('{"id": "b", "embedding": [1]}', "wrong.jsonl:2: embedding: 1 numbers, and the first record has 2"),
        ('{"id": "b", "embedding": "x"}', r"wrong.jsonl:2: Expected `array`, got `str` - at `\$.embedding`"),
        ('{"id": "b", "embedding": [1, 2], "metadata": {"a": {"b": 1}}}', r"wrong.jsonl:2: Expected .*metadata"),
        ('{"id": "b", "embed', "wrong.jsonl:2: no JSON"),
        ('{"id": "b", "embedding": [1, NaN]}', "wrong.jsonl:2: no JSON"),
        ("\xff", "wrong.jsonl:2: no JSON"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_bytes((FIRST + line).encode("latin-1"))
    with pytest.raises(Problem, match=said):
        list(jsonl.read(file))


def vectors(*rows: list[float]) -> Array:
    ends = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    return list_array(Array.from_numpy(ends), Array.from_numpy(np.concatenate([np.array(row) for row in rows])))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"id": Array(["a"], type=DataType.string())}, "there is no column embedding; there are: id"),
        ({"id": Array([1], type=DataType.int64()), "embedding": vectors([1.0])}, "column id: 1 is no text"),
        ({"id": Array(["a"], type=DataType.string()), "embedding": vectors([])}, r"vectors of 0 numbers"),
        (
            {
                "id": Array(["a", "b", "c"], type=DataType.string()),
                "embedding": vectors([1.0], [1.0, 2.0, 3.0], [1.0, 2.0]),
            },
            r"vectors of 1, 2, 3 numbers",
        ),
        (
            {
                "id": Array(["a"], type=DataType.string()),
                "embedding": vectors([1.0]),
                "metadata": Array(["no json"], type=DataType.string()),
            },
            "column metadata: 'no json'",
        ),
        (
            {"id": Array(["a"], type=DataType.string()), "embedding": Array([1.5], type=DataType.float64())},
            "column embedding: .*Float64.*: it is to be lists of float32",
        ),
    ],
)
def test_a_wrong_column_is_named(tmp_path: Path, columns: dict[str, Array], said: str) -> None:
    write_parquet(Table.from_pydict(columns), tmp_path / "wrong.parquet")
    with pytest.raises(Problem, match=said):
        list(parquet.read(tmp_path / "wrong.parquet"))


def test_parquet_of_others_may_have_wide_numbers_and_further_columns(tmp_path: Path) -> None:
    columns = {
        "n": Array([7], type=DataType.int64()),
        "embedding": vectors([0.1, 2.0]),
        "id": Array(["a"], type=DataType.string()),
    }
    write_parquet(Table.from_pydict(columns), tmp_path / "others.parquet")
    [page] = parquet.read(tmp_path / "others.parquet")
    assert page.ids == ["a"]
    assert page.vectors.dtype == np.float32
    assert page.vectors.tolist() == [[np.float32(0.1), 2.0]]
    assert (page.documents, page.metadatas, page.uris) == ([None], [None], [None])


def odd(count: int = 1200, seed: int = 1) -> Records:
    """Records with everything that is easily lost."""
    bits = np.random.default_rng(seed).integers(0, 1 << 32, (count, 5), dtype=np.uint32).view(np.float32)
    kinds = [None, {"i": 2**63 - 1, "f": 1.0, "b": True, "s": '\u2028"', "l": [1, 2], "r": [0.1], "e": ""}, {"f": 90.1}]
    return Records(
        [f"id/{n}\n" for n in range(count)],
        np.where(np.isfinite(bits), bits, np.float32(-0.0)),
        [None if n % 3 else f"\x00 \U0001f600 {n}" for n in range(count)],
        [kinds[n % 3] for n in range(count)],
        [None if n % 2 else "http://x" for n in range(count)],
    )


@pytest.mark.parametrize("kind", [jsonl, parquet])
def test_what_is_written_is_read_again_bit_for_bit(tmp_path: Path, kind: ModuleType) -> None:
    records, file = odd(), tmp_path / "file"
    kind.write(file, iter([records.take(range(700)), records.take(range(700, 1200))]))
    pages = list(kind.read(file))
    assert [bits for page in pages for bits in page.bits()] == records.bits()
    assert [digest for page in pages for digest in page.contents()] == records.contents()
    assert list(kind.ids(file)) == records.ids


@pytest.mark.parametrize("kind", [jsonl, parquet])
def test_a_source_that_fails_in_the_middle_says_why(tmp_path: Path, kind: ModuleType) -> None:
    def pages() -> Iterator[Records]:
        yield odd(5)
        raise Problem("the server went away")

    with pytest.raises(Problem, match=r"^the server went away$"):
        kind.write(tmp_path / "file", pages())


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_disk_that_is_full_is_told(tmp_path: Path, suffix: str) -> None:
    with small(tmp_path / "volume", 1 << 20) as mounted:
        if not mounted:
            pytest.skip("needs root, to mount a tmpfs")
        with pytest.raises(Problem, match=rf"many{suffix}.part: .*[Nn]o space left on device"):
            tree.write(tmp_path / "volume", suffix, Collection("many", "d"), (odd(seed=n) for n in range(100)))


async def test_an_id_that_is_there_twice_is_named(tmp_path: Path) -> None:
    file = tmp_path / "twice.jsonl"
    file.write_text(FIRST + FIRST.replace('"a"', '"b"') + FIRST)
    with pytest.raises(Problem, match="id 'a' is there more than once"):
        await tree.Tree(tmp_path).collections()


def test_no_two_names_share_a_file_and_none_leaves_its_folder() -> None:
    names = ["a", "A", "..", ".hidden", "a/b", "a%2Fb", "x" * 300, "x" * 301]
    files = [tree._file(Path("out"), ".jsonl", Collection(name, "d")) for name in names]
    assert len(set(files)) == len(names)
    assert {file.parent for file in files} == {Path("out/d")}
    assert all(len(file.name) < 250 and not file.name.startswith(".") for file in files)
