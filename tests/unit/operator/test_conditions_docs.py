"""docs/conditions.md names every reason for which a store or a plan is not accepted, or not backed up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import vectorstore_operator
from vectorstore_operator.cluster.errors import Forbidden, Invalid
from vectorstore_operator.plan.secrets import Need

PACKAGE = Path(vectorstore_operator.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "conditions.md"
BACKUP_PAGE = PAGE.with_name("backup.md")


BACKUPS = {PACKAGE / "plan" / "backup.py", *(PACKAGE / "backups").rglob("*.py")}
"""Whose refusals make no store unacceptable."""
SCHEDULES = PACKAGE / "backups" / "schedules"
GIVEN = {"Refusal": 0, "Need": 5, "_waits": 0, "told": 2}
"""By what a reason is given, and the place of it among the arguments."""


def reasons(paths: Iterable[Path], *by: str) -> Iterator[str]:
    """The reasons that the code gives."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in by:
                said = node.args[GIVEN[node.func.id]] if GIVEN[node.func.id] < len(node.args) else None
                if isinstance(said, ast.Constant):
                    yield str(said.value)


def health() -> Iterator[str]:
    """What is told of a store's backups: the second of three that are returned."""
    yield from reasons([SCHEDULES / "care.py", PACKAGE / "plan" / "backup.py"], "Refusal")
    for node in ast.walk(ast.parse((SCHEDULES / "health.py").read_text())):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            yield from (str(one.value) for one in node.value.elts[-2:-1] if isinstance(one, ast.Constant))


def documented(section: str, page: Path = PAGE) -> set[str]:
    """The reasons in the tables of a section."""
    table = page.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    assert table, section
    return {reason for row in re.findall(r"^\| (`.*?) \|", table, re.M) for reason in re.findall(r"`(\w+)`", row)}


API_SERVER = {Invalid.__name__, Forbidden.__name__}
"""Its own reasons, told by their classes."""


def test_every_refusal_has_its_row_and_no_row_is_for_something_else() -> None:
    given = set(reasons(set(PACKAGE.rglob("*.py")) - BACKUPS, "Refusal", "Need"))
    assert documented("Accepted") == given | API_SERVER | {Need.reason}


def test_every_word_on_a_stores_backups_has_its_row_and_no_row_is_for_something_else() -> None:
    remote = {"EngineElsewhere"}  # of which nothing is told
    assert documented("BackupHealthy") == set(health()) - remote | API_SERVER


def test_every_word_on_a_backup_has_its_row() -> None:
    others = {"restores", "schedules", "tenants"}
    paths = (path for path in BACKUPS if path.parent.name not in others)
    said = set(reasons(paths, "Refusal", "_waits", "told"))
    there = documented("In a cluster: a backup on demand", BACKUP_PAGE) | documented("The program", BACKUP_PAGE)
    assert said - there == set()
