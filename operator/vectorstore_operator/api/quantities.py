"""Quantities in specs: bytes and CPUs, each within bounds, so that none is nothing and none is beyond all machines.

Kubernetes itself takes a limit of 0 for none and caps what an int64 does not hold; here such a number is refused where
it is written: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field

from vectorstore_operator.api.base import Rule, cel
from vectorstore_operator.quantity import parse


class _Bounds(NamedTuple):
    """What a quantity is within, both included."""

    least: str
    most: str

    @property
    def message(self) -> str:
        return f"must be at least {self.least} and at most {self.most}"

    def schema(self) -> dict[str, Any]:
        """For the API server."""
        sides = (f"compareTo(quantity('{self.least}')) >= 0", f"compareTo(quantity('{self.most}')) <= 0")
        return cel(Rule(rule=" && ".join(f"quantity(self).{side}" for side in sides), message=self.message))

    def check(self, text: str) -> str:
        """Where there is none."""
        if not parse(self.least) <= parse(text) <= parse(self.most):
            raise ValueError(self.message)
        return text


_SIZE, _BODY, _CPUS = _Bounds("1Mi", "1Ei"), _Bounds("1Ki", "1Ei"), _Bounds("1m", "1k")
_BYTES = r"^([0-9]+|[0-9]+(\.[0-9]+)?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi))$"

Size = Annotated[
    str, Field(pattern=_BYTES, max_length=20, json_schema_extra=_SIZE.schema()), AfterValidator(_SIZE.check)
]
"""Bytes of memory, of a volume, of files: `512Mi`, `1.5Gi`."""

BodySize = Annotated[
    str, Field(pattern=_BYTES, max_length=20, json_schema_extra=_BODY.schema()), AfterValidator(_BODY.check)
]
"""Bytes of a request's body."""

Cpus = Annotated[
    str,
    Field(pattern=r"^[0-9]+(\.[0-9]+)?[mk]?$", max_length=20, json_schema_extra=_CPUS.schema()),
    AfterValidator(_CPUS.check),
]
"""CPUs: `250m`, `1.5`."""
