"""A store's texts are embedded by one model in one precision, whatever a later start says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vectorstore_instance.engine import stamp
from vectorstore_instance.engine.disk import DiskError
from vectorstore_instance.settings import Settings

ENDPOINT = {"embed_url": "http://host/v1", "model_name": "text-embedding-3-small", "dimension": 1536}


def keep(folder: Path, *, fresh: bool = False, **settings: Any) -> None:
    stamp.keep(Settings(data_dir=folder, **settings), fresh=fresh)


@pytest.mark.parametrize("settings", [{}, {"precision": "int8"}, ENDPOINT, {"model_name": "none", "dimension": 3}])
def test_the_same_settings_start_again(tmp_path: Path, settings: dict[str, Any]) -> None:
    keep(tmp_path, fresh=True, **settings)
    keep(tmp_path, **settings)


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        ({}, {"precision": "int8"}, r"PRECISION: int8 is set, .* was embedded with fp32"),
        ({"precision": "int8"}, {}, r"PRECISION: fp32 is set, .* was embedded with int8"),
        ({}, ENDPOINT, r"MODEL_NAME: text-embedding-3-small is set, .* was embedded with all-MiniLM-L6-v2"),
        (ENDPOINT, ENDPOINT | {"dimension": 512}, r"DIMENSION: 512 is set, .* was embedded with 1536"),
        ({}, {"embed_url": "http://host"}, r"EMBED_URL: a model at an endpoint .* with a model that runs here"),
        ({"embed_url": "http://host"}, {}, r"EMBED_URL: a model that runs here .* with a model at an endpoint"),
        ({"model_name": "none"}, {}, r"MODEL_NAME: all-MiniLM-L6-v2 is set, .* was embedded with none"),
    ],
)
def test_others_are_refused_with_the_remedy(
    tmp_path: Path, first: dict[str, Any], then: dict[str, Any], told: str
) -> None:
    keep(tmp_path, fresh=True, **first)
    for _ in range(2):
        with pytest.raises(DiskError, match=f"{told}.*set that again, or give an empty DATA_DIR"):
            keep(tmp_path, **then)
    keep(tmp_path, **first)


def test_an_endpoint_may_move(tmp_path: Path) -> None:
    keep(tmp_path, fresh=True, **ENDPOINT)
    keep(tmp_path, **ENDPOINT | {"embed_url": "https://elsewhere/v1"})


def test_data_from_before_it_was_kept_is_the_models_in_fp32(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"PRECISION: int8 is set, .* was embedded with fp32"):
        keep(tmp_path, precision="int8")
    assert not (tmp_path / stamp.FILE).exists()
    keep(tmp_path)
    assert (tmp_path / stamp.FILE).exists()


def test_a_damaged_record_is_refused_by_its_file(tmp_path: Path) -> None:
    (tmp_path / stamp.FILE).write_text('{"model": "all-Mi')
    with pytest.raises(DiskError, match=r"DATA_DIR: .*embedding\.json: .*put a copy in its place"):
        keep(tmp_path)
