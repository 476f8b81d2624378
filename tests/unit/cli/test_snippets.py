"""What `connect` gives to paste is what a shell and Python take, and shows no key unless asked."""

import ast
import subprocess
from pathlib import Path

import pytest

from vectorstore_operator.cli.snippets import file_key, secret_key, snippet

KEY = "a-key_of/43+characters"


def run(script: str) -> str:
    return subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout


def test_the_key_comes_from_its_file_into_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "it's a folder" / "read-write"
    file.parent.mkdir()
    file.write_text(f"{KEY}\nan older key\n")
    text = snippet("http://127.0.0.1:8000", file_key(str(file)))
    assert KEY not in text
    shell = text.split("# curl")[0]
    assert run(f'{shell}\necho "$VECTORSTORE_URL $VECTORSTORE_KEY"') == f"http://127.0.0.1:8000 {KEY}\n"


def test_the_key_is_shown_where_that_was_asked_for() -> None:
    shell = snippet("http://127.0.0.1:8000", "false", KEY).split("# curl")[0]
    assert run(f"{shell}\necho $VECTORSTORE_KEY") == f"{KEY}\n"


@pytest.mark.parametrize(
    ("url", "given"), [("http://127.0.0.1:8000", ("127.0.0.1", 8000, {})), ("https://db:1", ("db", 1, {"ssl": True}))]
)
def test_the_python_is_python(url: str, given: tuple[str, int, dict[str, bool]]) -> None:
    code = ast.parse(snippet(url, "true").split("# Python\n")[1])
    call = next(node for node in ast.walk(code) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    keywords = {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}
    assert ([arg.value for arg in call.args if isinstance(arg, ast.Constant)], keywords) == (list(given[:2]), given[2])


def test_the_command_for_a_secret_means_the_same_cluster() -> None:
    command = secret_key("acme-credentials", "tenants", "read-only", ("--context=a b",))
    assert command == (
        "kubectl get secret '--context=a b' -n tenants acme-credentials "
        "-o 'go-template={{index .data \"read-only\" | base64decode}}' | head -n1"
    )
