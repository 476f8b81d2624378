"""Fixtures that start real instances."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.instances import Running
from tests.support.volumes import small

Start = Callable[..., Running]


@pytest.fixture(scope="session")
def _sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    with ExitStack() as stack:
        yield _starter(stack, lambda: tmp_path_factory.mktemp("instance"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an instance of this test's own: `start(MAX_DOCS="10")`; ended with the test."""
    numbers = iter(range(100))
    with ExitStack() as stack:
        yield _starter(stack, lambda: tmp_path / str(next(numbers)))


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB of this test's own."""
    with small(tmp_path / "volume", 64 << 20) as mounted:
        if not mounted:
            pytest.skip("needs root, to mount a tmpfs")
        yield tmp_path / "volume"


@pytest.fixture(scope="session")
def shared(_sessions: Start) -> Running:
    """One instance with the real model for tests that use collections of their own."""
    return _sessions()


@pytest.fixture(scope="session")
def vectors_only(_sessions: Start) -> Running:
    """One instance for clients that bring three-dimensional vectors."""
    return _sessions(MODEL_NAME="none", DIMENSION="3")


def _starter(stack: ExitStack, folder: Callable[[], Path]) -> Start:
    def start(
        keys: dict[str, str] | None = None, arguments: tuple[str, ...] = Running.arguments, **environ: str
    ) -> Running:
        path = folder()
        (path / "keys").mkdir(parents=True)
        for name in ("read-write", "read-only", "admin", "internal"):
            (path / "keys" / name).write_text((keys or {}).get(name, secrets.token_urlsafe(32)) + "\n")
        running = Running(path, environ, arguments=arguments)

        def end() -> None:
            if running.process is not None and running.process.poll() is None:
                running.end()

        stack.callback(end)
        return running.start()

    return start
