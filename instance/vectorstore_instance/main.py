"""Wiring: the settings of this process become one instance on two ports.

`python -m vectorstore_instance` serves both; `main:app` is the tenant port alone, for those who bring
their own ASGI server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop
from pydantic import ValidationError

from vectorstore_instance.api.admin import management_app
from vectorstore_instance.api.asgi import Receive, Scope, Send
from vectorstore_instance.api.connection import Connection, PatientConnection
from vectorstore_instance.api.server import Server
from vectorstore_instance.api.tenant import tenant_app
from vectorstore_instance.core import logs
from vectorstore_instance.core.access import Tokens
from vectorstore_instance.core.admission import Admission
from vectorstore_instance.core.keys import Keys, internal_headers
from vectorstore_instance.core.limits import open_limits
from vectorstore_instance.core.measured import MeasuredEmbedder, TracedEngine
from vectorstore_instance.core.observer import Observer
from vectorstore_instance.core.tls import leader_trust, server_context
from vectorstore_instance.documents.jobs import Jobs
from vectorstore_instance.embed import Embedder
from vectorstore_instance.embed.onnx import MiniLM
from vectorstore_instance.embed.remote import RemoteEmbedder
from vectorstore_instance.engine import Engine
from vectorstore_instance.engine.child import ChildFailed
from vectorstore_instance.engine.databases import Databases
from vectorstore_instance.engine.disk import DiskError
from vectorstore_instance.engine.leader import LeaderEngine
from vectorstore_instance.engine.local import LocalEngine
from vectorstore_instance.engine.remote import remote_engine
from vectorstore_instance.instance import Instance
from vectorstore_instance.settings import NO_MODEL, Limits, Settings, load
from vectorstore_instance.wishes import Wishes

log = logging.getLogger("vectorstore_instance")

TERMINATION_LOG = Path("/dev/termination-log")
"""https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/"""


def create(settings: Settings) -> Instance:
    """The parts of an instance, none of them started.

    Raises:
        ValueError: keys or limits are missing or wrong.
    """
    limits = open_limits(settings)
    observer = Observer(settings)
    admission = Admission(lambda: limits.current, follows=settings.follows)
    engine = _engine(settings, lambda: limits.current, admission)
    own_files = engine if isinstance(engine, LocalEngine) else None
    if observer.traces:
        engine = TracedEngine(engine, observer)
    own = _embedder(settings)
    embedder = MeasuredEmbedder(own, observer) if own else None
    return Instance(
        settings=settings,
        limits=limits,
        keys=Keys(settings.keys_dir),
        tokens=_tokens(settings),
        admission=admission,
        observer=observer,
        engine=engine,
        databases=Databases(engine),
        embedder=embedder,
        documents=Jobs(settings, lambda: limits.current, engine, embedder, observer),
        maintenance=own_files.maintenance if own_files else None,
        snapshots=own_files.snapshots if own_files else None,
        restore=own_files.restore if own_files else None,
        wishes=Wishes(settings.data_dir) if own_files else None,
    )


def _engine(settings: Settings, limits: Callable[[], Limits], admission: Admission) -> Engine:
    if settings.follows and settings.leader_url:
        key = internal_headers(settings.keys_dir)
        tls = leader_trust(settings.tls_dir)
        return LeaderEngine(settings.leader_url, lambda: key.current, tls, admission)
    if settings.engine_url:
        return remote_engine(settings, limits)
    return LocalEngine(settings, limits)


def _tokens(settings: Settings) -> Tokens | None:
    if settings.jwt_issuer is None:
        return None
    from vectorstore_instance.core.jwt import IssuedTokens  # a second and 20 MiB that stores with keys alone save

    return IssuedTokens(settings)


def _embedder(settings: Settings) -> Embedder | None:
    if settings.model_name == NO_MODEL:
        return None
    if settings.embed_url is not None:
        return RemoteEmbedder(settings.embed_url, settings.model_name, settings.dimension, settings.embed_key_file)
    return MiniLM(settings.model_dir, settings.precision, idle_seconds=settings.embed_idle_seconds)


async def _close(embedder: Embedder | None) -> None:
    if embedder is not None:
        await embedder.close()


async def serve(settings: Settings) -> None:
    """Serves one instance until SIGTERM or SIGINT, then ends it in order: requests, engine, probes.

    Raises:
        ValueError, DiskError, ChildFailed, OSError: it cannot start; the message says why.
    """
    instance = create(settings)
    tls = server_context(settings.tls_dir) if settings.tls_dir else None
    server = Server(tenant_app(instance), Connection, tls)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Both ports are taken before the engine starts: who comes early waits instead of being turned away.
    with (
        _listen(settings.host, settings.port, "PORT") as tenants,
        _listen(settings.host, settings.management_port, "MANAGEMENT_PORT") as management,
    ):
        probes = Server(management_app(instance, stop.is_set), PatientConnection)
        probing = asyncio.create_task(probes.serve(sockets=[management]))
        try:
            await _work(instance, server, tenants, stop)
        finally:
            if instance.restore:
                await instance.restore.stop()
            await instance.documents.stop()
            await instance.engine.stop()
            await _close(instance.embedder)
            probes.should_exit = True
            await probing
            await asyncio.to_thread(instance.observer.close)


async def _work(instance: Instance, server: Server, tenants: socket.socket, stop: asyncio.Event) -> None:
    """Starts an instance and serves its tenants until it is told to end."""
    if instance.restore:
        await instance.restore.begin()
    starting, stopping = asyncio.create_task(_start(instance)), asyncio.create_task(stop.wait())
    serving = None
    try:
        # Who comes early waits; but for an archive that may take long, so then it is said at the port.
        if instance.restore and instance.restore.reason:
            serving = asyncio.create_task(server.serve(sockets=[tenants]))
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            serving = serving or asyncio.create_task(server.serve(sockets=[tenants]))
            log.info("serving %s on port %d", instance.settings.tenant_id, tenants.getsockname()[1])
            await stopping
    finally:
        starting.cancel()
        if serving is not None:
            server.should_exit = True
            await serving


async def _start(instance: Instance) -> None:
    """Starts what serves, once there is nothing more to be restored."""
    if instance.restore:
        await instance.restore.placed()
    await instance.engine.start()
    await instance.documents.start()
    if instance.restore:
        instance.restore.opened()


def _listen(host: str, port: int, name: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as problem:
        raise OSError(f"{name}: cannot listen on {host} port {port}: {problem.strerror}") from None


def main() -> None:
    """Runs the instance that the environment describes."""
    try:
        settings = load()
    except ValidationError as problem:
        for error in problem.errors():
            told, name = error["msg"].removeprefix("Value error, "), ".".join(map(str, error["loc"])).upper()
            # Settings that contradict each other are named by what is told of them.
            print(f"{name}: {told}, not {error['input']!r}" if name else told, file=sys.stderr)
        sys.exit(2)
    logs.configure(settings.log_format)
    try:
        uvloop.run(serve(settings))
    except (ValueError, OSError, DiskError, ChildFailed) as problem:
        log.critical("%s", problem)
        _last_words(str(problem))
        sys.exit(1)


def _last_words(text: str) -> None:
    """Leaves why it ended where Kubernetes takes it from, so that the store's status says it; elsewhere nothing."""
    with contextlib.suppress(OSError):
        if TERMINATION_LOG.exists():
            TERMINATION_LOG.write_text(text[:2048])


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The tenant port for an ASGI server of another's choice, which starts and stops it by lifespan."""
    if scope["type"] != "lifespan":
        await scope["state"]["tenant_app"](scope, receive, send)
        return
    await receive()
    try:
        instance = create(load())
        tenants = tenant_app(instance)
        await instance.engine.start()  # RESTORING is of no use here: archives come in at the management port
        await instance.documents.start()
    except (ValueError, OSError, DiskError, ChildFailed) as problem:
        await send({"type": "lifespan.startup.failed", "message": str(problem)})
        return
    scope["state"]["tenant_app"] = tenants
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await instance.documents.stop()
    await instance.engine.stop()
    await _close(instance.embedder)
    await asyncio.to_thread(instance.observer.close)
    await send({"type": "lifespan.shutdown.complete"})
