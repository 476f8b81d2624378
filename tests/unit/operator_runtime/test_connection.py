"""How the API server is reached: through the proxy that its kubeconfig or the environment names, else straight."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vectorstore_operator.cluster.connection import connect


@pytest.mark.parametrize(
    ("environ", "cluster", "proxy"),
    [
        ({}, {}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, {}, "http://proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".example.com"}, {}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, {"proxy-url": "http://own:1"}, "http://own:1"),
    ],
)
async def test_the_proxy_is_that_of_the_kubeconfig_else_that_of_the_environment(
    environ: dict[str, str],
    cluster: dict[str, str],
    proxy: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example.com:6443"} | cluster}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    async with await connect(str(tmp_path / "config")) as api:
        assert api.configuration.proxy == proxy
