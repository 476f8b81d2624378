"""What turns a store's texts into vectors: of the plan's models the one it chose, fixed with its data. Pure.

Vectors of two models, of two precisions or of two lengths do not compare. So what a store was first
accepted with is in its status, and stays: a plan that changes under it changes this for new stores
alone, and no store moves to a plan that has it otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectorstore_instance.settings import MODEL_DIMENSIONS, NO_MODEL, Precision
from vectorstore_operator.api.embedding import Endpoint
from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.names import EMBEDDING_KEY
from vectorstore_operator.refusal import Refusal

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Before:
    """What a store was first accepted with; nothing of it for a new one."""

    plan: str | None = None
    """The plan in force."""
    precision: Precision | None = None
    """Of a model that runs in the store."""
    dimension: int | None = None
    """Of a model behind an endpoint."""


NEW = Before()
"""A store that was never accepted."""


@dataclass(frozen=True)
class Embedding:
    """What makes a store's vectors."""

    model: str
    dimension: int
    precision: Precision | None = None
    """How it computes; None where it does not run in the store."""
    endpoint: Endpoint | None = None
    """Where it is; None where it runs in the store, or clients bring vectors."""
    secret: str | None = None
    """The Secret with the endpoint's key, in the store's namespace."""


def embedding_settings(chosen: Embedding, secrets: Path) -> dict[str, Any]:
    """Fields of `Settings`: where the model is, or how one that runs in the store computes.

    Args:
        chosen: the store's.
        secrets: the folder where the Secret's entries are files.
    """
    if chosen.endpoint is None:
        return {"precision": chosen.precision} if chosen.precision else {}
    key = {"embed_key_file": secrets / EMBEDDING_KEY} if chosen.secret else {}
    return {"embed_url": chosen.endpoint.url, **key}


def plan_refused(name: str, spec: PlanSpec) -> Refusal | None:
    """Why a plan cannot offer what it says."""
    endpoints = {endpoint.model: endpoint for endpoint in spec.embeddings or ()}
    for model in spec.models:
        if model not in (*MODEL_DIMENSIONS, NO_MODEL, *endpoints):
            return Refusal(
                "PlanInvalid",
                f"plan {name}: models: {model!r} does not run in a store; add its endpoint to embeddings, or leave "
                f"it out; in a store run {', '.join(MODEL_DIMENSIONS)}",
            )
    for endpoint in endpoints.values():
        if endpoint.dimension > spec.dimension:
            return Refusal(
                "PlanInvalid",
                f"plan {name}: embeddings: {endpoint.model} has dimension {endpoint.dimension}, above the plan's "
                f"{spec.dimension}, which memory and disk are reckoned with; raise dimension to {endpoint.dimension}",
            )
    return None


def choose(name: str, plan: PlanSpec, spec: StoreSpec, before: Before) -> Embedding | Refusal:
    """What makes a store's vectors, or why nothing can.

    Args:
        name: the plan's.
        plan: the plan in force.
        spec: what the store's manifest says.
        before: what the store was first accepted with.
    """
    model = spec.model or DEFAULT_MODEL
    endpoint = next((one for one in plan.embeddings or () if one.model == model), None)
    if endpoint:
        return _elsewhere(name, endpoint, spec, before)
    if model not in plan.models:
        offered = ", ".join(dict.fromkeys([*plan.models, *(one.model for one in plan.embeddings or ())]))
        return Refusal("ModelNotInPlan", f"spec.model: {model!r} is not offered by plan {name}; it has {offered}")
    if spec.embedding and spec.embedding.secret_name:
        return Refusal(
            "SecretNotNeeded",
            f"spec.embedding.secretName: {spec.embedding.secret_name!r} goes with a model behind an endpoint, and "
            f"{model} has none; leave it out",
        )
    if model == NO_MODEL:
        return Embedding(model, spec.dimension or 0)
    precision = _precision(name, plan, before)
    return precision if isinstance(precision, Refusal) else Embedding(model, MODEL_DIMENSIONS[model], precision)


def _elsewhere(name: str, endpoint: Endpoint, spec: StoreSpec, before: Before) -> Embedding | Refusal:
    had = before.dimension
    if had is not None and had != endpoint.dimension:
        return Refusal(
            "DimensionFixed",
            f"spec.plan: plan {name} has {endpoint.model} with dimension {endpoint.dimension}, and the store's vectors "
            f"have {had}, which do not compare; have the plan say {had} again, or make another store",
        )
    chosen = spec.embedding.secret_name if spec.embedding else None
    return Embedding(endpoint.model, endpoint.dimension, endpoint=endpoint, secret=chosen or endpoint.secret_name)


def _precision(name: str, plan: PlanSpec, before: Before) -> Precision | Refusal:
    """The plan's, for a new store; its own for one that is there, which must not move to another."""
    if before.plan is None:
        return plan.precision
    had = before.precision or "fp32"  # accepted before there was a choice
    if had == plan.precision or before.plan == name:
        return had
    return Refusal(
        "PrecisionFixed",
        f"spec.plan: plan {name} embeds in {plan.precision}, and the store's vectors were made in {had}, which do not "
        f"compare; choose a plan of {had}, such as {before.plan} was, or make another store",
    )
