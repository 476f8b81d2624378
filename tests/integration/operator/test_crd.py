"""What the API server itself says of the CRDs."""

from __future__ import annotations

import pytest
from tests.support.apiserver import ApiServer

pytestmark = pytest.mark.apiserver


def test_up(apiserver: ApiServer) -> None:
    status, answer = apiserver.call("GET", "/api/v1/namespaces/default")
    assert status == 200, answer
