"""The page about the settings is what their class says."""

from __future__ import annotations

from pathlib import Path

from vectorstore_operator.settings import OperatorSettings
from vectorstore_operator.settings_page import page

PAGE = Path(__file__).parents[3] / "docs" / "operator-settings.md"


def test_the_page_is_that_of_the_class() -> None:
    assert PAGE.read_text() == page(), "run python -m vectorstore_operator.settings_page > docs/operator-settings.md"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in OperatorSettings.model_fields.values())
