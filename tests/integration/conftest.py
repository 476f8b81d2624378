"""Fixtures of all integration tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.apiserver import ApiServer, running


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server for the whole session; tests make namespaces of their own in it."""
    binaries = os.environ.get("KUBEBUILDER_ASSETS")
    if not binaries:
        pytest.skip("KUBEBUILDER_ASSETS is not set: the folder with etcd and kube-apiserver")
    with running(Path(binaries), tmp_path_factory.mktemp("apiserver")) as server:
        yield server
