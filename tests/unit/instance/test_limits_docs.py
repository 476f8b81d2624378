"""docs/limits.md names every limit there is, with its default."""

from __future__ import annotations

from tests.support.limits import documented

from vectorstore_instance.settings import Limits

UNBOUNDING = {"generation", "plan", "backups"}
IN_WORDS = {"max_bytes": "none", "requests_per_second": "none", "burst": "two seconds' worth"}


def test_every_limit_has_its_row_and_no_row_is_for_something_else() -> None:
    assert set(documented()) == set(Limits.model_fields) - UNBOUNDING


def test_defaults_are_those_in_force() -> None:
    for name, row in documented().items():
        default = getattr(Limits(), name)
        told = IN_WORDS[name] if default is None else str(default).lower()
        assert row.default == told, name
