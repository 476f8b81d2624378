"""What an OpenAI-compatible endpoint says: https://platform.openai.com/docs/api-reference/embeddings"""

from __future__ import annotations

import binascii
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN = 300
"""Characters of the endpoint's own words that an error repeats."""
LONGEST_WAIT = 86_400.0
"""Seconds; whoever asks for more is not waited for anyway."""
NO_QUOTA = "insufficient_quota"
"""Code of a 429 that no waiting helps against."""


class _Item(msgspec.Struct):
    index: int
    embedding: str | list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class Said(msgspec.Struct):
    """An error in the endpoint's words: https://platform.openai.com/docs/guides/error-codes"""

    message: str = ""
    code: str | int | None = None


class _Error(msgspec.Struct):
    error: Said | str = ""


def read_vectors(body: bytes, count: int, dimension: int) -> NDArray[np.float32]:
    """The vectors of an answer in the order of their texts: float32, shape (count, dimension).

    Raises:
        ValueError: it is not what was asked for; completes a sentence about the endpoint.
    """
    import numpy as np

    try:
        items = sorted(msgspec.json.decode(body, type=_Answer).data, key=lambda item: item.index)
        rows = [_numbers(item.embedding) for item in items]
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        raise ValueError(f"does not answer as OpenAI's API does: {problem}") from None
    if [item.index for item in items] != list(range(count)):
        raise ValueError(f"returned {len(items)} vectors for {count} texts, or the same one twice")
    for row in rows:
        if len(row) != dimension:
            raise ValueError(
                f"returned vectors of dimension {len(row)}, and DIMENSION is {dimension}; "
                "set MODEL_NAME and DIMENSION to what belongs together"
            )
        if not np.isfinite(row).all():
            raise ValueError("returned a vector with a number that is none (NaN or infinite)")
    return np.stack(rows)


def read_error(body: bytes, key: str | None) -> Said:
    """What it says in an error, without the key, should it repeat that."""
    try:
        said = msgspec.json.decode(body, type=_Error).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Said()
    if isinstance(said, str):
        said = Said(said)
    return Said((said.message.replace(key, "***") if key else said.message)[:SHOWN], said.code)


def seconds(retry_after: str | None) -> float | None:
    """What a Retry-After header asks for: seconds or a date (RFC 9110, 10.2.3); None where it says neither."""
    if retry_after is None:
        return None
    try:
        asked = float(retry_after)
    except ValueError:
        try:
            asked = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(0.0, asked), LONGEST_WAIT)


def _numbers(embedding: str | list[float]) -> NDArray[np.float32]:
    """A vector, from base64 of its bytes in little-endian order or from numbers."""
    import numpy as np

    if isinstance(embedding, str):
        return np.frombuffer(binascii.a2b_base64(embedding, strict_mode=True), "<f4")
    with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused as that
        return np.array(embedding, np.float32)
