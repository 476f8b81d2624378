"""Whole stores as they are rendered: `pytest tests/unit/operator --update-golden` writes the files anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.desired import PLATFORM, sized, store, with_credentials

from vectorstore_operator.objects import Object
from vectorstore_operator.render import Platform, desired


class Plain(yaml.SafeDumper):
    """Writes what is there twice out twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir() if path.name != "frozen")


def rendered(case: str) -> list[Object]:
    given: dict[str, Any] = yaml.safe_load((GOLDEN / case / "input.yaml").read_text())
    plan = given["plan"] if isinstance(given["plan"], str) else sized("special", given["plan"])
    resolved = store(plan, **given["spec"])
    platform = Platform(**vars(PLATFORM) | given.get("platform", {}))
    children = with_credentials(resolved) if given.get("credentials", True) else {}
    return [obj for phase in desired(resolved, platform, children) for obj in phase]


@pytest.mark.parametrize("case", CASES)
def test_a_store_is_rendered_as_before(case: str, request: pytest.FixtureRequest) -> None:
    file = GOLDEN / case / "expected.yaml"
    objects = rendered(case)
    if request.config.getoption("--update-golden"):
        file.write_text(yaml.dump_all(objects, Dumper=Plain, sort_keys=False))
    assert objects == list(yaml.safe_load_all(file.read_text()))


def test_what_cannot_be_changed_on_a_live_store_is_frozen() -> None:
    frozen = yaml.safe_load((GOLDEN / "frozen" / "expected.yaml").read_text())
    (stateful_set,) = (obj for obj in rendered("frozen") if obj["kind"] == "StatefulSet")
    assert {field: stateful_set["spec"][field] for field in frozen} == frozen
