"""The contract between what wants an instance (the operator, `vectorstore up`) and the instance.

`Settings` is who the instance is and where things are: the operator renders one into a pod's
environment, the instance parses the same class from it, and a change of it is a new process.
`Limits` is what the tenant may do: a JSON file in a mounted directory, read again when it changes,
so that a changed quota restarts nothing. Keys are files too (`KEYS_DIR`), with the same promise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MODEL_DIMENSIONS: dict[str, int] = {"all-MiniLM-L6-v2": 384}
"""The models an instance can run itself, and the length of their vectors."""

NO_MODEL = "none"
"""The model of stores whose clients bring their own vectors."""

DEFAULT_DATABASE = "default_database"
"""The Chroma database of clients that name none."""

PRESIGNED = "presigned"
"""Stands in DOCUMENT_URLS for any signed URL of the public Internet."""

Model = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_./:]*[A-Za-z0-9])?$", max_length=128)]
"""An embedding model's name: one of `MODEL_DIMENSIONS`, `none`, or what the endpoint at EMBED_URL calls it."""

LocalModel = Literal["all-MiniLM-L6-v2", "none"]
"""The models that need no endpoint."""

Precision = Literal["fp32", "int8"]
"""How a model that runs here computes. Vectors of the two do not mix, so a store has one for its life."""

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
    max_collections: int = Field(10_000, ge=1, description="Collections in all databases together.")
    max_bytes: int | None = Field(None, ge=1 << 20, description="Bytes of the store's files; None: the volume's size.")
    max_n_results: int = Field(10_000, ge=1, description="Results for one vector of a query.")
    max_where_operators: int = Field(256, ge=1, description="Operators in `where` and `where_document` together.")
    where_document: bool = Field(True, description="Whether texts may be searched by `where_document`.")
    requests_per_second: float | None = Field(
        None, ge=0.001, le=1_000_000, description="Requests per second on average; None: any."
    )
    burst: int | None = Field(
        None, ge=1, le=1_000_000, description="Requests at once above that; None: two seconds' worth."
    )
    max_concurrent: int = Field(256, ge=1, description="Requests under way at the same time.")
    backups: bool = Field(False, description="Whether holders of a read-write key may ask for backups and restores.")


class Settings(BaseModel):
    """Who an instance is and where its things are. Environment variables are the names in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: str = Field("default", description="Whose store this is: shown, logged, never trusted.")
    plan: str = Field("", description="The plan's name when no limits file says it.")
    model_name: Model = Field("all-MiniLM-L6-v2", description="The embedding model of the text routes.")
    dimension: int = Field(384, ge=1, le=65536, description="Dimension of that model's vectors.")
    precision: Precision = Field("fp32", description="How that model computes, where it runs here.")
    embed_url: str | None = Field(
        None, description="Base URL of an OpenAI-compatible endpoint that has the model, such as http://host/v1."
    )
    embed_key_file: Path | None = Field(None, description="The key that endpoint wants.")
    embed_idle_seconds: float = Field(600, gt=0, description="A model that runs here is unloaded after so long unused.")
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
    document_urls: str = Field(
        "", description="Where documents may be fetched from: comma-separated URL prefixes, or `presigned`."
    )
    cors_origins: str = Field("", description="Origins whose pages may call the tenant port, comma-separated; or `*`.")
    tls_dir: Path | None = Field(None, description="Holds `tls.crt` and `tls.key` for the tenant port, read on change.")
    jwt_issuer: str | None = Field(None, description="Accepts tokens of this OpenID issuer beside keys.")
    jwt_audience: str | None = Field(None, description="The audience those tokens must be for.")
    jwt_jwks_url: str | None = Field(None, description="The issuer's key set; else its discovery document says where.")
    jwt_scope_claim: str = Field("scope", description="The claim that holds the scopes: a string or a list.")
    jwt_read_scope: str = Field("vectorstore.read", description="The scope that may read.")
    jwt_write_scope: str = Field("vectorstore.write", description="The scope that may read and write.")
    jwt_database_claim: str | None = Field(
        None, description="The claim that selects a Chroma database, such as `sub`: each of its values gets its own."
    )
    log_format: Literal["text", "json"] = Field("text", description="One line of text, or one JSON object, per event.")
    audit: bool = Field(True, description="Whether writes and refusals are logged, by whom and how many.")
    recovery_seconds: float = Field(60, gt=0, description="How long making the index again after a crash may take.")
    restoring: bool = Field(
        False, description="Whether a store that never held anything waits for an archive before it serves."
    )
    allow_reset: bool = Field(False, description="Whether `POST /api/v2/reset` may delete everything.")

    engine_port: PortNumber = Field(0, description="Loopback port of the child engine; 0 is a free one.")
    engine_url: str | None = Field(
        None, description="Another Chroma server instead of a child of our own; documents are counted over its API."
    )
    engine_token_file: Path | None = Field(None, description="The key that server wants, as x-chroma-token.")
    engine_headers_file: Path | None = Field(
        None, description="Further headers that server wants: `Name: value` lines."
    )
    engine_tenant: str = Field("default_tenant", description="The tenant of that server that holds the store.")
    engine_database: str = Field(DEFAULT_DATABASE, description="The database of that tenant.")
    leader_url: str | None = Field(None, description="Where ordinal 0 of the same store answers.")
    pod_index: int = Field(0, ge=0, description="Ordinal of this pod; above 0 it follows the leader.")

    @field_validator("document_urls")
    @classmethod
    def _beginnings_of_urls(cls, setting: str) -> str:
        for part in filter(None, map(str.strip, setting.split(","))):
            if part != PRESIGNED and not _begins_url(part):
                raise ValueError(f"each part must be `{PRESIGNED}` or begin an https:// or http:// URL")
        return setting

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = MODEL_DIMENSIONS.get(self.model_name)
        if known is None and self.model_name != NO_MODEL and self.embed_url is None:
            raise ValueError(
                f"MODEL_NAME: {self.model_name!r} does not run here; set EMBED_URL to an endpoint that has it, "
                f"or choose one of {', '.join((*MODEL_DIMENSIONS, NO_MODEL))}"
            )
        if known and self.embed_url is None and self.dimension != known:
            raise ValueError(
                f"DIMENSION: {self.dimension} does not fit MODEL_NAME {self.model_name}, "
                f"whose vectors have {known}; leave DIMENSION out or set MODEL_NAME=none"
            )
        if self.pod_index > 0 and not self.leader_url:
            raise ValueError(f"LEADER_URL: missing, and POD_INDEX {self.pod_index} follows a leader; set it")
        if self.jwt_issuer and not self.jwt_audience:
            raise ValueError(
                "JWT_AUDIENCE: missing, and without it every token that JWT_ISSUER ever made would be valid; "
                "set it to what this store's tokens have as aud, or as client_id where they have no aud"
            )
        if self.jwt_database_claim and self.engine_database != DEFAULT_DATABASE:
            raise ValueError(
                f"JWT_DATABASE_CLAIM: users cannot have databases of their own inside ENGINE_DATABASE "
                f"{self.engine_database!r}; leave one of the two out"
            )
        for name in ("jwt_issuer", "jwt_jwks_url"):
            url = getattr(self, name)
            if url and not url.startswith(("https://", "http://")):
                raise ValueError(f"{name.upper()}: {url!r} is not an https:// or http:// URL")
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


def _begins_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class _Environment(Settings, BaseSettings):
    # A class of its own: constructing `Settings` in the operator must not read the operator's environment.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=".env", env_ignore_empty=True)


def load() -> Settings:
    """The settings of this process: environment variables over a `.env` file over the defaults.

    Raises:
        pydantic.ValidationError: names each variable that is wrong, and why.
    """
    return Settings.model_validate(_Environment().model_dump())
