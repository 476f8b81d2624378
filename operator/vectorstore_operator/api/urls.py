"""URLs in specs: of endpoints, of issuers, and beginnings of URLs that a plan allows."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field

_URL = r"https?://[^\s,/@?#]+(/[^\s,?#]*)?"
"""No user or password, which a spec must not hold; no comma, which separates them in settings."""


def is_url(text: str) -> str:
    """A URL that can be connected to, or another text.

    Raises:
        ValueError: it has no host, or port 0.
    """
    # What the schema's pattern cannot say: a port is a number, and a host is there.
    if text.startswith(("https://", "http://")):
        parts = urlsplit(text)
        if not parts.hostname or parts.port == 0:
            raise ValueError("the URL has no host or port 0")
    return text


Url = Annotated[str, Field(pattern=f"^{_URL}$", max_length=1024), AfterValidator(is_url)]
"""An http:// or https:// URL without user, query or fragment."""

UrlPrefix = Annotated[str, Field(pattern=rf"^(\*|{_URL})$", max_length=1024), AfterValidator(is_url)]
"""A URL that allows itself and all below it; `*` allows any."""

DocumentUrl = Annotated[str, Field(pattern=f"^(presigned|{_URL})$", max_length=1024), AfterValidator(is_url)]
"""The beginning of allowed URLs, or `presigned` for any signed URL of the public Internet."""


def allowed(url: str, prefixes: list[str] | None) -> bool:
    """Whether one of the prefixes covers a URL: it is the URL, or a folder that the URL lies in."""
    folders = (prefix if prefix.endswith("/") else f"{prefix}/" for prefix in prefixes or ())
    below = ".." not in unquote(url) and any(url.startswith(folder) for folder in folders)
    return "*" in (prefixes or ()) or url in (prefixes or ()) or below


def port(url: str) -> int:
    """The port a URL is reached at."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def hidden(url: str) -> bool:
    """Whether a URL's host is evidently not public: such an address, or a name of a cluster or machine."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return not ip_address(host).is_global
    except ValueError:
        last = host.rpartition(".")[2]  # 127.1 and 0x7f.0.0.1 are addresses to who connects
        return (
            "." not in host
            or last.startswith("0x")
            or last.isdigit()
            or host.endswith((".svc", ".local", ".localhost", ".internal"))
        )
