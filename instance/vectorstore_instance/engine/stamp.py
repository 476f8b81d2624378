"""What the texts of this data were embedded with: kept beside them, held against every later start.

Vectors of two models, or of one model in two precisions, do not compare, and nothing in a vector says
which made it. So the first start writes it down, and a start with something else is refused. Data
from before that was kept is the configured model's in fp32, the only one there was.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from vectorstore_instance.engine.disk import DiskError
from vectorstore_instance.engine.manifest import write_synced
from vectorstore_instance.settings import NO_MODEL, Settings

FILE = "embedding.json"
AT_ENDPOINT = "endpoint"
"""The precision of a model that another computes."""


class Stamp(msgspec.Struct, frozen=True):
    """Where the vectors of the text routes come from."""

    model: str
    dimension: int
    precision: str
    """`fp32`, `int8`, `endpoint`, or `none` where no text is embedded."""


def of(settings: Settings) -> Stamp:
    """What these settings embed with."""
    precision: str = settings.precision if settings.embed_url is None else AT_ENDPOINT
    if settings.model_name == NO_MODEL:
        precision = NO_MODEL
    return Stamp(settings.model_name, settings.dimension, precision)


def keep(settings: Settings, *, fresh: bool) -> None:
    """Holds the settings against what the folder's data was embedded with; writes that down at first.

    Args:
        settings: of this start.
        fresh: whether the folder holds no data yet.

    Raises:
        DiskError: the data is another model's; names the setting, its value and the remedy.
    """
    path = settings.data_dir / FILE
    now = of(settings)
    before = _read(path)
    if before is None:
        before = now
        if not fresh and now.precision == "int8":
            before = Stamp(now.model, now.dimension, "fp32")
        _compare(before, now, path.parent)
        write_synced(path, msgspec.json.encode(before))
    _compare(before, now, path.parent)


def _compare(before: Stamp, now: Stamp, folder: Path) -> None:
    if before.model != now.model:
        raise _other(folder, "MODEL_NAME", now.model, before.model)
    if before.dimension != now.dimension:
        raise _other(folder, "DIMENSION", now.dimension, before.dimension)
    if AT_ENDPOINT in (before.precision, now.precision) and before != now:
        here, there = "a model that runs here (no EMBED_URL)", "a model at an endpoint (EMBED_URL)"
        raise _other(folder, "EMBED_URL", *((there, here) if now.precision == AT_ENDPOINT else (here, there)))
    if before.precision != now.precision:
        raise _other(folder, "PRECISION", now.precision, before.precision)


def _other(folder: Path, setting: str, now: object, before: object) -> DiskError:
    return DiskError(
        f"{setting}: {now} is set, and the data in {folder} was embedded with {before}, whose vectors do not compare; "
        f"set that again, or give an empty DATA_DIR and write the documents anew"
    )


def _read(path: Path) -> Stamp | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Stamp)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as problem:
        raise DiskError(
            f"DATA_DIR: {path}: {problem}; put a copy in its place, "
            "or remove it if MODEL_NAME, DIMENSION and EMBED_URL are what they always were and PRECISION was fp32"
        ) from None
