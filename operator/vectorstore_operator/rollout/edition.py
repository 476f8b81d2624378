"""What of a store comes from others: its plan, as that was when the store took it, and the image of its pods.

Everything of a store is made from its own spec and the edition in force, so that neither a changed plan nor a
new release of the operator replaces a pod before the store's turn has come.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pydantic import ValidationError

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.objects import Object, canonical
from vectorstore_operator.plan import Plan

POLICY = frozenset({"default", "allowed_namespaces", "rollout", "versions", "maintenance", "backup"})
"""Fields of a plan that say who has it, how it spreads and how it is backed up: nothing of a store is made from them,
and they are always those of the plan as it is."""


@dataclass(frozen=True)
class Edition:
    """A plan as it once was, and an image."""

    plan: str
    """Its name."""
    spec: PlanSpec
    image: str

    @cached_property
    def digest(self) -> str:
        """Tells it from all other editions: 12 hexadecimal digits."""
        return _digest(f"{self.plan_digest} {self.image}")

    @cached_property
    def plan_digest(self) -> str:
        """Tells the plan alone from all others, likewise."""
        return plan_digest(self.plan, self.spec)

    def ruled_by(self, plan: PlanSpec) -> PlanSpec:
        """The plan's spec with the policy of the plan as it is."""
        return self.spec.model_copy(
            update={field: getattr(plan, field) for field in POLICY & set(PlanSpec.model_fields)}
        )

    def under(self, plan: Plan) -> Edition:
        """The same image under a plan as it is."""
        return Edition(plan.name, plan.spec, self.image)

    def written(self) -> str:
        """As `read` takes it."""
        return canonical({"plan": self.plan, "spec": stated(self.spec), "image": self.image})

    @staticmethod
    def read(text: str | None) -> Edition | None:
        """An edition as it was written; None where there is none, or one that only a later release can read."""
        return _read(text or "")


def stated(spec: PlanSpec) -> Object:
    """What a plan states of the stores that have it, as JSON."""
    return spec.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=set(POLICY))


def plan_digest(name: str, spec: PlanSpec) -> str:
    """Tells a plan, as far as stores are made from it, from all others: 12 hexadecimal digits."""
    return _of(name, _Same(spec))


@dataclass(frozen=True, eq=False)
class _Same:
    """A spec, for a cache that knows it by being the same object: to compare its fields takes longer than to sum up."""

    spec: PlanSpec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.spec is other.spec

    def __hash__(self) -> int:
        return id(self.spec)


@lru_cache(maxsize=128)
def _of(name: str, same: _Same) -> str:
    return _digest(canonical([name, stated(same.spec)]))


@lru_cache(maxsize=512)
def _read(text: str) -> Edition | None:
    try:
        found = json.loads(text)
        return Edition(str(found["plan"]), PlanSpec.model_validate(found["spec"]), str(found["image"]))
    except (ValueError, ValidationError, KeyError, TypeError):
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
