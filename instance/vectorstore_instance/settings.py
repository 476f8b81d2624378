"""The contract between what wants an instance (the operator, `vectorstore up`) and the instance.

`Settings` is who the instance is and where things are: the operator renders one into a pod's
environment, the instance parses the same class from it, and a change of it is a new process.
`Limits` is what the tenant may do: a JSON file in a mounted directory, read again when it changes,
so that a changed quota restarts nothing. Keys are files too (`KEYS_DIR`), with the same promise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Model = Literal["all-MiniLM-L6-v2", "none"]
"""The embedding models an instance can serve; `none` is for clients that bring their own vectors."""

MODEL_DIMENSIONS: dict[str, int] = {"all-MiniLM-L6-v2": 384}
"""What the dimension of a collection made by text must be, by model."""

PortNumber = Annotated[int, Field(ge=0, le=65535)]


class Limits(BaseModel):
    """What a tenant may do. Read from `LIMITS_FILE`; every number counts the whole store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    generation: int = Field(0, ge=0, description="Which edition this is: grows with every change.")
    plan: str = Field("", description="The plan these limits come from, as shown to the tenant.")
    max_documents: int = Field(100_000, ge=0, description="Documents in all collections together.")
    max_dimension: int = Field(4096, ge=1, description="The longest vector a collection may hold.")
    max_batch_rows: int = Field(
        5461, ge=1, le=5461, description="Rows in one request; 5461 is what Chroma's SQLite can bind."
    )
    max_body_bytes: int = Field(64 << 20, ge=1 << 10, description="Bytes in one request body.")


class Settings(BaseModel):
    """Who an instance is and where its things are. Environment variables are the names in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: str = Field("default", description="Whose store this is: shown, logged, never trusted.")
    plan: str = Field("", description="The plan's name when no limits file says it.")
    model_name: Model = Field("all-MiniLM-L6-v2", description="The embedding model of the text routes.")
    dimension: int = Field(384, ge=1, le=65536, description="Dimension of that model's vectors.")
    max_docs: int = Field(100_000, ge=0, description="The document quota when there is no limits file.")

    host: str = Field("127.0.0.1", description="Address both ports listen on.")
    port: PortNumber = Field(8000, description="For tenants: a key on everything but health and docs.")
    management_port: PortNumber = Field(9090, description="Probes, metrics and the admin surface.")

    data_dir: Path = Field(Path("data"), description="The folder one instance owns alone.")
    limits_file: Path | None = Field(None, description="A `Limits` as JSON, read again on change.")
    keys_dir: Path = Field(
        Path("keys"),
        description="Holds `read-write`, `read-only`, `admin`, `internal`: a key or its digest per line.",
    )
    model_dir: Path | None = Field(None, description="The model's files; else the installed wheel's or the hub's.")

    default_collection: str = Field("documents", description="Collection of the routes that name none.")
    text_field: str = Field("reasoning", description="Field that `POST /add` embeds when `text` is absent.")
    allow_reset: bool = Field(False, description="Whether `POST /api/v2/reset` may delete everything.")

    engine_port: PortNumber = Field(0, description="Loopback port of the child engine; 0 is a free one.")
    engine_url: str | None = Field(
        None,
        description="Another Chroma server instead of a child of our own; "
        "documents are then not counted against the quota.",
    )
    engine_token_file: Path | None = Field(None, description="The key that server wants.")
    leader_url: str | None = Field(None, description="Where ordinal 0 of the same store answers.")
    pod_index: int = Field(0, ge=0, description="Ordinal of this pod; above 0 it follows the leader.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = MODEL_DIMENSIONS.get(self.model_name)
        if known and self.dimension != known:
            raise ValueError(
                f"DIMENSION: {self.dimension} does not fit MODEL_NAME {self.model_name}, "
                f"whose vectors have {known}; leave DIMENSION out or set MODEL_NAME=none"
            )
        if self.pod_index > 0 and not self.leader_url:
            raise ValueError(f"LEADER_URL: missing, and POD_INDEX {self.pod_index} follows a leader; set it")
        return self

    @property
    def follows(self) -> bool:
        """Whether this instance holds no data and asks the leader."""
        return self.pod_index > 0

    def environ(self) -> dict[str, str]:
        """What differs from the defaults, as environment variables: what `load` turns back into this."""
        return {
            name.upper(): str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.model_dump(mode="json", exclude_defaults=True).items()
        }


class _Environment(Settings, BaseSettings):
    # A class of its own: constructing `Settings` in the operator must not read the operator's environment.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=".env", env_ignore_empty=True)


def load() -> Settings:
    """The settings of this process: environment variables over a `.env` file over the defaults.

    Raises:
        pydantic.ValidationError: names each variable that is wrong, and why.
    """
    return Settings.model_validate(_Environment().model_dump())
