"""The image files and the compose file against the settings they set and the rules they keep."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from vectorstore_instance.settings import Settings

ROOT = Path(__file__).parents[3]
BOTH = ("Dockerfile.instance", "Dockerfile.operator")


def lines(name: str) -> list[str]:
    """The instructions of an image file, continued lines joined and comments left out."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def environment() -> dict[str, str]:
    """What the instance's image sets in its last stage."""
    found = [line for line in lines("Dockerfile.instance") if line.startswith("ENV ")][-1]
    return dict(pair.split("=", 1) for pair in found.removeprefix("ENV ").split())


@pytest.mark.parametrize("name", BOTH)
def test_everything_installed_is_locked_by_its_hash(name: str) -> None:
    installs = [part for line in lines(name) for part in line.split("&&") if re.search(r"\bpip\b.* install\b", part)]
    assert installs
    assert all("--require-hashes" in part for part in installs)


@pytest.mark.parametrize("name", BOTH)
def test_an_image_builds_anywhere_and_runs_as_nobody_in_particular(name: str) -> None:
    found = lines(name)
    assert found[0] == "ARG BASE_IMAGE=python:3.11-slim"
    assert not [line for line in found if "--mount" in line], "BuildKit alone knows RUN --mount"
    assert [line for line in found if line.startswith("USER ")] == ["USER 10001:0"]


def test_the_instance_s_image_sets_what_the_instance_reads() -> None:
    names = {name for name in environment() if name != "PYTHONPATH"}
    assert names <= {field.upper() for field in Settings.model_fields}


def test_compose_runs_the_instance_for_this_machine_alone() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    (store,) = compose["services"].values()
    assert store["environment"].keys() <= {field.upper() for field in Settings.model_fields}
    Settings(**{name.lower(): value for name, value in store["environment"].items()})
    assert all(port.startswith("127.0.0.1:") for port in store["ports"])
    mounted = {volume.split(":")[1] for volume in store["volumes"]}
    assert mounted == {environment()["DATA_DIR"], environment()["KEYS_DIR"]}
    assert (ROOT / store["build"]["dockerfile"]).exists()
