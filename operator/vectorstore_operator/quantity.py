"""Kubernetes quantities as numbers: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
_FACTORS = {"": Decimal(1), "m": Decimal("0.001")}
_FACTORS |= {unit: Decimal(1000) ** i for i, unit in enumerate("kMGTP", start=1)}
_FACTORS |= {f"{unit}i": Decimal(1024) ** i for i, unit in enumerate("KMGTP", start=1)}

MI = 1 << 20
GI = 1 << 30


def parse(text: str) -> Decimal:
    """The number a quantity stands for, in bytes or CPUs.

    Raises:
        ValueError: the text is no quantity; names it.
    """
    if not re.fullmatch(PATTERN, text):
        raise ValueError(f"{text!r} is not a quantity such as 512Mi, 10Gi or 500m")
    digits = text.rstrip("mkKMGTPi")
    return Decimal(digits) * _FACTORS[text[len(digits) :]]


def to_bytes(text: str) -> int:
    """A quantity in whole bytes, rounded up."""
    return int(parse(text).to_integral_value(ROUND_CEILING))


def from_bytes(count: int) -> str:
    """The canonical quantity of a number of bytes: what the API server would store for it."""
    return _scaled(count, 1024, ("Ki", "Mi", "Gi", "Ti", "Pi")) or _scaled(count, 1000, tuple("kMGTP")) or str(count)


def canonical_cpus(text: str) -> str:
    """The same CPUs as the API server would store them, in thousandths at the finest."""
    milli = int((parse(text) * 1000).to_integral_value(ROUND_CEILING))
    if milli % 1000:
        return f"{milli}m"
    return _scaled(milli // 1000, 1000, tuple("kMGTP")) or str(milli // 1000)


def _scaled(count: int, base: int, units: tuple[str, ...]) -> str | None:
    """The count in the largest unit that leaves no fraction, if there is one."""
    for i, unit in reversed(list(enumerate(units, start=1))):
        if count and count % base**i == 0:
            return f"{count // base**i}{unit}"
    return None
