"""How the API server is reached: which one, as whom, and through which proxy.

The official asyncio client (`kubernetes.aio`) brings all of that. Its calls and models are not used: the requests are
those of `api.Cluster`.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio import client, config

from vectorstore_operator.cluster import permit
from vectorstore_operator.cluster.errors import ClusterError

Connection = client.ApiClient
"""An open connection pool with its credentials; a context manager that closes it."""


async def connect(kubeconfig: str | None = None, context: str | None = None) -> Connection:
    """A connection to the cluster that this file or KUBECONFIG names, else to the one this pod runs in.

    Args:
        kubeconfig: one file or several, as in KUBECONFIG.
        context: one of theirs; omitted, the current one.

    Raises:
        ClusterError: there is no usable configuration.
    """
    configuration = client.Configuration()
    try:
        await _configure(configuration, kubeconfig or os.environ.get("KUBECONFIG"), context)
    except Exception as error:  # over a malformed file the loader fails in many ways
        raise ClusterError(f"no cluster: {error!r}; set KUBECONFIG or run in a pod") from error
    # Workers bound how many requests there are; watches hold a connection each and must not wait for one.
    configuration.connection_pool_maxsize = 0
    # aiohttp would look the environment over for every request, on another thread.
    configuration.proxy = configuration.proxy or _proxy(configuration.host)
    configuration.client_session_kwargs = {"request_class": permit.Request, "trust_env": False}
    return client.ApiClient(configuration)


async def _configure(configuration: client.Configuration, kubeconfig: str | None, context: str | None) -> None:
    load: Any = config
    if kubeconfig:
        await load.load_kube_config(kubeconfig, context=context, client_configuration=configuration)
    else:
        load.load_incluster_config(client_configuration=configuration)


def _proxy(server: str) -> str | None:
    """The proxy that the environment has for the API server, if it has one."""
    url = urlsplit(server)
    return None if proxy_bypass(url.hostname or "") else getproxies().get(url.scheme)


def contexts(kubeconfig: str) -> tuple[dict[str, str], str]:
    """The namespaces of a kubeconfig's contexts by their names, and the name of the current one."""
    load: Any = config.kube_config
    known, current = load.list_kube_config_contexts(kubeconfig)
    return {each["name"]: each["context"].get("namespace") or "default" for each in known}, current["name"]
