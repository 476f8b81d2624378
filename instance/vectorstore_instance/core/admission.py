"""Who may come in now: the request rate and the number of requests under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vectorstore_instance.core.exchange import Exchange
from vectorstore_instance.settings import Limits


class Admission:
    """The door of one instance's tenant port."""

    def __init__(self, limits: Callable[[], Limits]) -> None:
        self._limits = limits

    @contextmanager
    def admit(self, exchange: Exchange) -> Iterator[None]:
        """Lets one request in for as long as it takes.

        Raises:
            ApiError: 429 with Retry-After: too many a second, or too many at once.
        """
        yield
