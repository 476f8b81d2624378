"""The parts of one instance, wired once in `main` and handed to every face."""

from __future__ import annotations

from dataclasses import dataclass

from vectorstore_instance.core.access import Tokens
from vectorstore_instance.core.admission import Admission
from vectorstore_instance.core.keys import Keys
from vectorstore_instance.core.limits import LimitsFile
from vectorstore_instance.core.observer import Observer
from vectorstore_instance.documents.jobs import Jobs
from vectorstore_instance.embed import Embedder
from vectorstore_instance.engine import Engine
from vectorstore_instance.engine.databases import Databases
from vectorstore_instance.engine.maintenance import Maintenance
from vectorstore_instance.engine.restore import Restore
from vectorstore_instance.engine.snapshot import Snapshots
from vectorstore_instance.settings import Settings
from vectorstore_instance.wishes import Wishes


@dataclass(frozen=True)
class Instance:
    """One tenant's server."""

    settings: Settings
    limits: LimitsFile
    keys: Keys
    tokens: Tokens | None
    """None where keys alone are valid: no JWT_ISSUER."""
    admission: Admission
    observer: Observer
    engine: Engine
    databases: Databases
    embedder: Embedder | None
    """None where clients bring their own vectors: MODEL_NAME=none."""
    documents: Jobs
    """Files being read into collections."""
    maintenance: Maintenance | None
    """None where the files are another server's; so are the next three."""
    snapshots: Snapshots | None
    restore: Restore | None
    wishes: Wishes | None
    """Backups and restores that the tenant asked for."""
