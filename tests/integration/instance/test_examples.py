"""The documentation's own examples, each carried out as Swagger's page would: a newcomer meets none that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from tests.support.instances import Running, wait_until

Start = Callable[..., Running]


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return document["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema


def filled(path: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            (example,) = parameter["examples"].values()
            path = path.replace(f"{{{parameter['name']}}}", example["value"])
    return path


def form_of(schema: dict[str, Any]) -> dict[str, Any]:
    """What the page fills a form with."""
    members = schema["properties"].items()
    return {name: str(value) for name, member in members if (value := member.get("example", member.get("default")))}


def attempts(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every example of every operation; what deletes comes last, and what makes something first."""
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            contents = operation.get("requestBody", {}).get("content", {"": {}})
            for kind, content in contents.items():
                schema = resolved(content.get("schema", {}), document)
                options: dict[str, Any] = {}
                if kind == "application/json":
                    options["json"] = content.get("example", schema.get("example"))
                elif kind == "multipart/form-data":
                    options = {"data": form_of(schema), "files": [("files", ("handbook.md", "You have 30 days off."))]}
                found.append((method.upper(), filled(path, operation), options))
    last = [("/delete", "/cancel"), "DELETE"]
    return sorted(
        found, key=lambda one: (one[0] == last[1], one[1].rstrip("/").endswith(last[0]), "create" not in one[1])
    )


def test_every_example_of_the_documentation_works(start: Start) -> None:
    running = start(DOCUMENT_URLS="https://files.example.com/")
    with running.http() as http:
        document = httpx.get(f"{running.url}/openapi.json").json()
        assert [tag["name"] for tag in document["tags"]] == ["Documents", "Search", "Collections", "Status"]
        tried = []
        for method, path, options in attempts(document):
            assert options.get("json", True), f"{method} {path} has no example"
            reply = http.request(method, path, **options)
            assert reply.status_code in (200, 202), f"{method} {path} {options}: {reply.text}"
            if reply.status_code == 202:
                wait_until(lambda: http.get("/api/v1/database/handbook/status").json()["phase"] in ("done", "failed"))
            if path.endswith(("query", "search/", "get")):
                assert reply.json()["results"], f"{method} {path} finds nothing"
            tried.append(path)
        assert len(tried) > 20
