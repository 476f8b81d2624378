"""`VectorStore`: one tenant's store, in a few lines."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from vectorstore_instance.settings import Model as ModelName
from vectorstore_instance.settings import Precision
from vectorstore_operator.api.access import Jwt, Origins
from vectorstore_operator.api.backup import ProtectionStatus, StoreBackup
from vectorstore_operator.api.base import Brief, Conditions, Model, Moment, Name, Rule, cel, immutable
from vectorstore_operator.api.embedding import StoreEmbedding
from vectorstore_operator.api.engine import REMOTE_RULES, Engine
from vectorstore_operator.api.exposure import Hostname, StoreTls
from vectorstore_operator.api.keys import KeysStatus, StoreKeys
from vectorstore_operator.api.quantities import Size
from vectorstore_operator.api.restore import Restore, RestoreFrom, RestoreStatus
from vectorstore_operator.api.rollout import RolloutStatus, Version
from vectorstore_operator.api.rules import excludes
from vectorstore_operator.api.storage import CLASS_RULE, Storage, StorageStatus

NAME_RULE = Rule(
    rule="self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message="metadata.name: at most 40 of a-z, 0-9 and -, beginning with a letter and not ending with -",
)
"""Names of children are made of the store's and must be names of Services, too."""

DIMENSION_RULE = Rule(
    rule="(has(self.model) && self.model == 'none') == has(self.dimension)",
    message="dimension goes with model: none, and only with it",
)

BACKUP_RULE = excludes(
    "engine",
    "backup",
    "restore_from",
    "restore",
    message="backup, restoreFrom and restore do not go with engine.remote, which keeps the data elsewhere; leave them "
    "out, and have it backed up there",
)

FIXED = ("model", "dimension", "engine", "restore_from")
"""Fields of a spec that neither change nor go."""
MOST_REPLICAS = 16


def name_allowed(name: str) -> bool:
    """What `NAME_RULE` says of a name, where there is no API server to say it."""
    return len(name) <= 40 and re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name) is not None


class Quota(Model):
    """What the tenant may store."""

    documents: int | None = Field(None, ge=1, le=100_000_000)
    """Documents in all collections together, within the plan's ceiling; omitted = all that it allows."""
    bytes: Size | None = None
    """Bytes of the store's files, within the plan's `limits.bytes` and the volume."""
    requests_per_second: float | None = Field(None, ge=0.001, le=1_000_000)
    """Requests per second on average, within the plan's."""


class StoreSpec(Model):
    """What the tenant gets."""

    model_config = ConfigDict(
        json_schema_extra=cel(*immutable(*FIXED), CLASS_RULE, DIMENSION_RULE, *REMOTE_RULES, BACKUP_RULE)
    )
    plan: Name | None = None
    """A VectorStorePlan; omitted = the default plan, pinned when the store is first accepted."""
    model: ModelName | None = None
    """The embedding model, fixed for the store's life; omitted = all-MiniLM-L6-v2."""
    embedding: StoreEmbedding | None = None
    """How it is reached, where it is behind an endpoint."""
    dimension: int | None = Field(None, ge=1, le=65536)
    """Dimension of the vectors clients bring, with model: none."""
    jwt: Jwt | None = None
    """Tokens of an OpenID provider, beside the store's keys."""
    cors_origins: Origins | None = None
    """Origins whose pages may call the store; omitted = none."""
    quota: Quota | None = None
    """What the tenant may store; omitted = the plan's ceiling."""
    tenant_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", max_length=63)] | None = None
    """Whose store this is, for logs and bills; omitted = the store's name."""
    replicas: int = Field(1, ge=1, le=MOST_REPLICAS)
    """Pods wanted, brought within the plan's bounds; `kubectl scale` and the autoscaler write here."""
    engine: Engine | None = None
    """Where the data is kept, fixed for the store's life; omitted = in the store's own volume."""
    storage: Storage | None = None
    """The volume, where the plan's does not fit."""
    hostname: Hostname | None = None
    """The name outside the cluster, one label before the domain of the plan's exposure; omitted =
    `<store>-<namespace>.<domain>`."""
    tls: StoreTls | None = None
    """TLS in the pods; omitted = plain HTTP inside the cluster."""
    keys: StoreKeys | None = None
    """When keys are exchanged; omitted = they are made once."""
    version: Version | None = None
    """The instance that runs, by the tag of its image: what runs now, the operator's release, or one of the plan's
    `versions`. Omitted = what the store began with, or as the plan's `rollout.versions` says."""
    backup: StoreBackup | None = None
    """When it is backed up and where to; omitted = as the plan says."""
    restore_from: RestoreFrom | None = None
    """What a new store begins with, fixed when it is made; omitted = nothing."""
    restore: Restore | None = None
    """What takes the place of what the store holds, once for each `request`."""
    deletion_policy: Literal["Retain", "Delete"] | None = None
    """Whether volumes outlive the store; omitted = Retain."""
    paused: bool | None = None
    """The operator leaves the store's children as they are."""
    hibernated: bool | None = None
    """No pods run; volume, keys and Services stay, and the store goes on where it stopped when this goes."""

    @model_validator(mode="after")
    def _dimension_with_none(self) -> Self:
        if (self.model == "none") != (self.dimension is not None):
            raise ValueError(DIMENSION_RULE.message)
        return self

    @model_validator(mode="after")
    def _nothing_kept_before_a_remote_engine(self) -> Self:
        for given, rule in zip((self.storage, self.quota and self.quota.bytes), REMOTE_RULES, strict=True):
            if self.engine and given:
                raise ValueError(rule.message)
        if not BACKUP_RULE.holds(self):
            raise ValueError(BACKUP_RULE.message)
        return self


class StoreStatus(Model):
    """What the operator sees."""

    observed_generation: int | None = None
    """The generation of the spec this speaks of."""
    plan: Brief | None = None
    """The plan in force."""
    url: Annotated[str, Field(max_length=1024)] | None = None
    """Where clients reach the store."""
    secret: Brief | None = None
    """The Secret with the keys and the URL."""
    keys: KeysStatus | None = None
    """What became of `spec.keys`."""
    precision: Precision | None = None
    """How the model that runs in the store computes, fixed when the store was first accepted."""
    dimension: int | None = None
    """How long the vectors of a model behind an endpoint are, fixed likewise."""
    replicas: int | None = None
    """Pods there are."""
    ready_replicas: int | None = None
    """Pods that answer."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Selects the pods, for the scale subresource."""
    documents: Brief | None = None
    """Documents used and allowed: `used/limit`."""
    storage: StorageStatus | None = None
    """The volume there is."""
    version: Brief | None = None
    """The instance that runs, by the tag of its image."""
    rollout: RolloutStatus | None = None
    """How far the store is with what its plan and the release have become."""
    backup: ProtectionStatus | None = None
    """How it is backed up."""
    restore: RestoreStatus | None = None
    """What became of `restoreFrom`, or of the last `restore`."""
    bytes: int | None = None
    """Bytes of the store's files, renewed when they or the documents changed by a hundredth."""
    last_request: Moment | None = None
    """When the tenant last asked for something, RFC 3339; up to ten minutes behind while it does."""
    conditions: Conditions = []
    """Accepted, Progressing, QuotaExceeded, StorageHealthy, BackupHealthy, Restored, Exposed, UpdateAvailable,
    Ready."""
