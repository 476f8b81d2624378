"""How texts are divided, into chunks and batches: the rules that hold for every model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

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


SEGMENT = 20_000
"""Characters that are divided in one go: a tenth of a second, in which a worker does nothing else."""


async def divide(text: str, split: Callable[[str], Awaitable[list[tuple[int, int]]]]) -> list[tuple[int, int]]:
    """The chunks of a text of any length, a segment at a time; each segment begins with the last chunk before it.

    Args:
        text: what is divided.
        split: says where to divide a segment: start and end of its chunks.
    """
    chunks: list[tuple[int, int]] = []
    start = 0
    while start + SEGMENT < len(text):
        found = [(start + begin, start + end) for begin, end in await split(text[start : start + SEGMENT])]
        if len(found) > 1:
            start, _ = found.pop()  # it may go on beyond the segment
        else:
            start += SEGMENT
        chunks += found
    return chunks + [(start + begin, start + end) for begin, end in await split(text[start:])]


def slices(sizes: Sequence[int], most: int, budget: int) -> Iterator[slice]:
    """Consecutive parts of at most `most` items whose sizes sum to at most `budget`, or of one item."""
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and (index - start == most or total + size > budget):
            yield slice(start, index)
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))


async def share(parts: Iterator[slice], workers: int, do: Callable[[slice], Awaitable[None]]) -> None:
    """Does all parts, so many at the same time; gives up at the first that fails, and raises why."""

    async def work() -> None:
        for part in parts:
            await do(part)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from None
