"""The page about the settings, made from their class: `python -m vectorstore_operator.settings_page`.

Prints docs/operator-settings.md; a test fails while the two differ.
"""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from vectorstore_operator.settings import OperatorSettings

HEAD = """# Settings of the operator

Environment variables; the chart sets them by its values. One that is empty counts as left out, a wrong one ends
the operator with its name and value.

Made by `python -m vectorstore_operator.settings_page > docs/operator-settings.md`.

| variable | default | |
|---|---|---|
"""


def page() -> str:
    """The page, as Markdown."""
    return HEAD + "".join(map(_row, OperatorSettings.model_fields, OperatorSettings.model_fields.values()))


def _row(name: str, field: FieldInfo) -> str:
    words = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    choice = f" {', '.join(f'`{word}`' for word in words)}." if words else ""
    return f"| `OPERATOR_{name.upper()}` | {_default(field)} | {field.description}{choice} |\n"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "made at the start"
    value: Any = field.default
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return f"`{','.join(f'{key}={label}' for key, label in value.items())}`"
    return f"`{value}`"


if __name__ == "__main__":
    print(page(), end="")
