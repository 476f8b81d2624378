"""How texts are divided: the rules that hold for every model."""

from __future__ import annotations

from vectorstore_instance.core.errors import invalid

LEAST_TOKENS = 16
"""A chunk of fewer means nothing by itself."""


def check_split(size: int, overlap: int) -> None:
    """Refuses what no text can be divided by.

    Raises:
        ApiError: 400; names the value and the remedy.
    """
    if size < LEAST_TOKENS:
        raise invalid(f"chunk_size: {size} tokens are no passage; give at least {LEAST_TOKENS}")
    if not 0 <= overlap <= size // 2:
        raise invalid(f"overlap: {overlap} of {size} tokens; give at least 0 and at most half the chunk's size")
