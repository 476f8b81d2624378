"""Schedules of cron, by five fields: refused where they are written if they are none.

The API server is given what a pattern can say, with words of its own; what is left, such as the 30th of February,
whoever reads the object finds out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from vectorstore_operator.api.base import Rule, cel

FORM = "five fields of cron, such as 30 2 * * 1-5: minute, hour, day of the month, month, day of the week"

_MONTH = "1[0-2]|0?[1-9]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_WEEKDAY = "[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT"


def _field(one: str, *others: str) -> str:
    """Several of: all, one or a range, maybe in steps; or what only this field knows."""
    term = "|".join((rf"([*]|({one})(-({one}))?)(/[1-9][0-9]?)?", *others))
    return f"({term})(,({term}))*"


_FIELDS = (
    _field("[0-5]?[0-9]"),
    _field("2[0-3]|[01]?[0-9]"),
    _field("3[01]|[12][0-9]|0?[1-9]", "LW?"),
    _field(_MONTH),
    _field(_WEEKDAY, f"({_WEEKDAY})(#[1-5]|L)"),
)
_RULE = Rule(rule=f"self.matches('^(?i:{' '.join(_FIELDS)})$')", message=FORM)


def known_cron(text: str) -> str:
    """A schedule that comes true.

    Raises:
        ValueError: there is none such; says which field is wrong.
    """
    try:
        if len(text.split()) != 5:
            raise CronSimError("Wrong number of fields")  # six would have seconds
        CronSim(text, datetime(2000, 1, 1))  # by whose clocks does not matter here
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()}; write {FORM}") from None
    return text


Cron = Annotated[str, Field(min_length=9, max_length=128, json_schema_extra=cel(_RULE)), AfterValidator(known_cron)]
"""When: minute, hour, day of the month, month, day of the week."""
