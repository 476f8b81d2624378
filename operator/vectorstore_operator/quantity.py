"""Kubernetes quantities as numbers: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

_STORED = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:[eE]([0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")
"""The whole grammar, as objects of others may have it, but for numbers below nothing."""
_FACTORS = {None: Decimal(1)} | {unit: Decimal(1000) ** -i for i, unit in enumerate("mun", start=1)}
_FACTORS |= {unit: Decimal(1000) ** i for i, unit in enumerate("kMGTPE", start=1)}
_FACTORS |= {f"{unit}i": Decimal(1024) ** i for i, unit in enumerate("KMGTPE", start=1)}

MI = 1 << 20
GI = 1 << 30


def parse(text: str) -> Decimal:
    """The number a quantity stands for, in bytes or CPUs.

    Raises:
        ValueError: the text is no quantity; names it.
    """
    found = _STORED.fullmatch(text)
    if found is None or not text.isascii():
        raise ValueError(f"{text!r} is not a quantity such as 512Mi, 10Gi or 500m")
    digits, exponent, unit = found.groups()
    return Decimal(digits) * (Decimal(10) ** int(exponent) if exponent else _FACTORS[unit])


def to_bytes(text: str) -> int:
    """A quantity in whole bytes, rounded up."""
    return int(parse(text).to_integral_value(ROUND_CEILING))


def from_bytes(count: int) -> str:
    """The canonical quantity of a number of bytes: what the API server would store for it."""
    return (
        _scaled(count, 1024, ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")) or _scaled(count, 1000, tuple("kMGTP")) or str(count)
    )


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
