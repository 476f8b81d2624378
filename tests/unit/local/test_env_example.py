"""`.env.example` is the documentation of the instance's settings: complete, and true about the defaults."""

import shutil
from pathlib import Path

import pytest
from dotenv import dotenv_values

from vectorstore_instance.settings import Settings, load

EXAMPLE = Path(__file__).parents[3] / ".env.example"


def test_it_names_every_setting_and_nothing_else() -> None:
    assert set(dotenv_values(EXAMPLE)) == {name.upper() for name in Settings.model_fields}


def test_its_values_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    shutil.copy(EXAMPLE, tmp_path / ".env")
    monkeypatch.chdir(tmp_path)
    assert load() == Settings()


def test_each_setting_is_explained_as_in_the_code() -> None:
    text = EXAMPLE.read_text()
    for name, field in Settings.model_fields.items():
        assert f"# {field.description}\n{name.upper()}=" in text
