"""Embedding models that run elsewhere: what a plan offers, and whose key a store uses."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from vectorstore_instance.settings import MODEL_DIMENSIONS, NO_MODEL
from vectorstore_instance.settings import Model as ModelName
from vectorstore_operator.api.base import Model, Name, Rule, cel, keyed
from vectorstore_operator.api.urls import Url

_HERE = (*MODEL_DIMENSIONS, NO_MODEL)

ELSEWHERE_RULE = Rule(
    rule=f"!(self.model in {list(_HERE)})",
    message=f"model: {' and '.join(_HERE)} need no endpoint; name the model as the endpoint does, or leave it out",
)


class Endpoint(Model):
    """A model behind an OpenAI-compatible endpoint."""

    model_config = ConfigDict(json_schema_extra=cel(ELSEWHERE_RULE))
    model: ModelName
    """What the endpoint calls it, and stores in `spec.model`."""
    url: Url
    """Base URL, such as https://api.openai.com/v1: texts go to `/embeddings` under it."""
    dimension: int = Field(ge=1, le=65536)
    """How long its vectors are; within the plan's `dimension`."""
    secret_name: Name | None = None
    """A Secret in the namespace of each store, whose entry `api-key` is sent; omitted = no key."""


def _each_once(endpoints: list[Endpoint]) -> list[Endpoint]:
    models = [endpoint.model for endpoint in endpoints]
    for model in models:
        if models.count(model) > 1:
            raise ValueError(f"model {model} is given twice; leave one out")
        if model in _HERE:
            raise ValueError(ELSEWHERE_RULE.message)
    return endpoints


Endpoints = Annotated[
    list[Endpoint], Field(max_length=16, json_schema_extra=keyed("model")), AfterValidator(_each_once)
]
"""Endpoints, one of a model."""


class StoreEmbedding(Model):
    """How the store reaches its model's endpoint."""

    secret_name: Name | None = None
    """Another Secret of the store's namespace than the plan names; its entry `api-key` is sent."""
