"""The operator's settings: environment variables beginning with `OPERATOR_`, and nothing else."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class OperatorSettings(BaseSettings):
    """How this operator runs. Environment variables are the names in capitals after `OPERATOR_`."""

    model_config = SettingsConfigDict(env_prefix="OPERATOR_", frozen=True, env_ignore_empty=True)

    watch_namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Namespaces whose stores are served, comma-separated; none = all."
    )
    namespace: str = Field("vectorstore-system", description="Where the operator itself runs: its Lease and Secret.")
    labels: Annotated[dict[str, str], NoDecode] = Field(
        {"app.kubernetes.io/name": "vectorstore-operator"},
        description="Labels of the operator's pods, `key=value` comma-separated: who may reach management ports.",
    )
    metrics_from: Annotated[tuple[dict[str, Any], ...], NoDecode] = Field(
        (), description="NetworkPolicy peers that may read the stores' metrics: a JSON array."
    )
    instance_image: str = Field("vectorstore-instance:latest", description="Image of the stores' pods.")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="When nodes fetch that image."
    )
    run_as: int | Literal["platform"] = Field(
        10001, description="User and group of the stores' pods; `platform` where the cluster chooses them (OpenShift)."
    )
    secret_file: Path | None = Field(
        None,
        description="Holds the operator secret, from which tokens are derived; else the Secret `secret_name` does.",
    )
    secret_name: str = Field(
        "vectorstore-operator-secret", description="That Secret in `namespace`: made once, when it is not there."
    )

    cluster_name: str = Field(
        "cluster",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$",
        description="The cluster's name, first in the path of every backup: each has its own where several share a "
        "bucket, and keeps it, as backups are looked for by it.",
    )
    backups_at_once: int = Field(4, ge=1, le=256, description="Jobs that make backups or prove them, at a time.")

    workers: int = Field(16, ge=1, le=256, description="Stores reconciled at a time.")
    reconciles_per_second: float = Field(
        200, gt=0, description="Reconciles begun per second, after a burst of twice that."
    )
    resync_seconds: float = Field(600, ge=1, description="How often stores and plans are compared with a listing.")
    usage_seconds: float = Field(60, ge=1, description="How often a store is asked for its usage, at most.")

    lease: bool = Field(True, description="Whether several operators may run, of which one works; else run only one.")
    lease_name: str = Field("vectorstore-operator", description="The Lease in `namespace`.")
    identity: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{uuid4().hex[:8]}",
        description="Who this process is in the Lease: unlike every other, past ones included.",
    )

    host: str = Field("0.0.0.0", description="Address of /metrics, /readyz and /livez.")  # noqa: S104 (in a pod of its own)
    port: int = Field(8080, ge=0, le=65535, description="Their port; 0 = a free one.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["text", "json"] = Field("text", description="Lines for people or for machines.")

    @field_validator("watch_namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("metrics_from", mode="before")
    @classmethod
    def _peers(cls, value: object) -> object:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            raise ValueError(f"not a JSON array: {error}") from None

    @field_validator("labels", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if wrong := [key for key, equals, _ in pairs if not equals]:
            raise ValueError(f"{', '.join(wrong)}: not key=value")
        return {key.strip(): label.strip() for key, _, label in pairs}


def wrong(error: ValidationError) -> list[str]:
    """What is wrong with which environment variable."""
    return [
        f"OPERATOR_{str(each['loc'][0]).upper()}: {each['msg']}, not {each['input']!r}"
        for each in error.errors(include_url=False)
    ]
