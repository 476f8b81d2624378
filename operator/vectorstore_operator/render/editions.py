"""The numbers of what pods read again: a changed edition of keys or limits has a higher one than all before.

An instance is told of changes ahead of its mounted files, and knows by the number which of the two is
newer. The number is the time, so that it also grows where the object that bore the last one is gone;
and at least one more than that, whatever a clock says.
"""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH = datetime.fromtimestamp(0, UTC)


def edition(live: int | None, same: bool, now: datetime, least: int = 1) -> int:
    """The number of what is to be read.

    Args:
        live: that of what can be read now; None where there is none.
        same: whether nothing else differs: then it is the same edition.
        now: the time.
        least: a number that it is not below.
    """
    if same and live is not None:
        return live
    return max((live or 0) + 1, int(now.timestamp() * 1000), least)
