"""How to use a store from a shell, from Python and by curl: text to paste. Pure.

The key comes from where it is kept into a variable of the shell, so that it is neither on the screen nor
in the shell's history, unless the user asked for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from urllib.parse import urlsplit


def secret_key(secret: str, namespace: str, entry: str, options: Sequence[str] = ()) -> str:
    """A shell command that prints a key out of a Secret: the first of its lines, which is the newest.

    Args:
        secret: the Secret's name.
        namespace: where it is.
        entry: which of its entries.
        options: of kubectl, to mean the same cluster.
    """
    template = f'{{{{index .data "{entry}" | base64decode}}}}'
    words = ["kubectl", "get", "secret", *options, "-n", namespace, secret, "-o", f"go-template={template}"]
    return f"{shlex.join(words)} | head -n1"


def file_key(path: str) -> str:
    """A shell command that prints the first key of a file."""
    return f"head -n1 {shlex.quote(path)}"


def snippet(url: str, key_command: str, key: str | None = None, authority: str | None = None) -> str:
    """What to paste.

    Args:
        url: where the store is.
        key_command: prints the key.
        key: the key itself, where it may be seen.
        authority: a file with what signed the store's certificate, where the system does not know it.
    """
    parts = urlsplit(url)
    ssl = ", ssl=True" if parts.scheme == "https" else ""
    value = shlex.quote(key) if key else f'"$({key_command})"'
    trust = f"export SSL_CERT_FILE={shlex.quote(authority)}\n" if authority else ""
    # What curl is told by CURL_CA_BUNDLE goes before SSL_CERT_FILE.
    trusting = ' --cacert "$SSL_CERT_FILE"' if authority else ""
    return f"""\
# shell
{trust}export VECTORSTORE_URL={url}
export VECTORSTORE_KEY={value}

# curl
curl -sS{trusting} "$VECTORSTORE_URL/stats" -H "Authorization: Bearer $VECTORSTORE_KEY"

# Python
import os, chromadb
client = chromadb.HttpClient(
    "{parts.hostname}", {parts.port}{ssl}, headers={{"x-chroma-token": os.environ["VECTORSTORE_KEY"]}}
)
client.heartbeat()
"""
