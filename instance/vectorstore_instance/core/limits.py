"""The tenant's limits: from a file that may change at any time, else from the start values."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from vectorstore_instance.core.watched import Editions
from vectorstore_instance.settings import Limits, Settings

LimitsFile = Editions[Limits]


def open_limits(settings: Settings) -> LimitsFile:
    """The limits of this instance.

    Raises:
        ValueError: the limits file is missing or wrong; names file, field and value.
    """
    path = settings.limits_file
    if path is None:
        fixed = Limits(
            plan=settings.plan,
            max_documents=settings.max_docs,
            max_dimension=max(settings.dimension, Limits().max_dimension),
        )
        return Editions([], lambda: fixed)
    return Editions([path], lambda: _read(path))


def _read(path: Path) -> Limits:
    try:
        return Limits.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise ValueError(f"LIMITS_FILE: {path}: {problem.strerror}; write the limits there as JSON") from None
    except ValidationError as problem:
        first = problem.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"LIMITS_FILE: {path}: {field}: {first['msg']}, not {first['input']!r}") from None
