"""docs/conditions.md names every reason for which a store or a plan is not accepted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import vectorstore_operator
from vectorstore_operator.cluster.errors import Forbidden, Invalid
from vectorstore_operator.plan.secrets import Need

PACKAGE = Path(vectorstore_operator.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "conditions.md"


def refusals() -> Iterator[str]:
    """The reasons that the code gives: a refusal's first argument, and a need's last where it is a reason."""
    yield Need.reason
    yield from (Invalid.__name__, Forbidden.__name__)  # the API server's, told by their classes
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                place = {"Refusal": 0, "Need": 5}.get(node.func.id, len(node.args))
                said = node.args[place] if place < len(node.args) else None
                if isinstance(said, ast.Constant):
                    yield str(said.value)


def documented() -> set[str]:
    """The reasons in the page's table of `Accepted`."""
    table = PAGE.read_text().partition("## Accepted")[2].partition("\n## ")[0]
    return {reason for row in re.findall(r"^\| (`.*?) \|", table, re.M) for reason in re.findall(r"`(\w+)`", row)}


def test_every_refusal_has_its_row_and_no_row_is_for_something_else() -> None:
    assert documented() == set(refusals())
