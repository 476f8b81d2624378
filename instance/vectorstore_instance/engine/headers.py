"""What a server elsewhere wants to see with every request: a token and headers, from files that may change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from vectorstore_instance.core.watched import Watched
from vectorstore_instance.engine.upstream import Headers

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
_OURS = {"host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding", "expect"}


def engine_headers(token_file: Path | None, headers_file: Path | None) -> Headers:
    """The headers for ENGINE_URL, as they are in the files now; the last good ones while a file is wrong.

    Raises:
        ValueError: a file cannot be read or is wrong; names the file and line, and never what is in it.
    """

    def read() -> Mapping[str, str]:
        headers = dict(_lines(headers_file)) if headers_file else {}
        return headers | {"x-chroma-token": _token(token_file)} if token_file else headers

    watched = Watched([path for path in (token_file, headers_file) if path], read)
    return lambda: watched.current


def _token(path: Path) -> str:
    token = _text("ENGINE_TOKEN_FILE", path).strip()
    if not _VALUE.fullmatch(token):
        raise ValueError(f"ENGINE_TOKEN_FILE: {path} must hold one token and nothing else")
    return token


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(_text("ENGINE_HEADERS_FILE", path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"ENGINE_HEADERS_FILE: {path}: line {number} is not `Name: value`")
        if name.lower() in _OURS:
            raise ValueError(f"ENGINE_HEADERS_FILE: {path}: line {number}: {name} is set by the store itself")
        yield name.lower(), value


def _text(field: str, path: Path) -> str:
    try:
        return path.read_text("latin-1")
    except OSError as problem:
        raise ValueError(f"{field}: {path}: {problem.strerror}") from None
