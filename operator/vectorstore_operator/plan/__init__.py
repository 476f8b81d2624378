"""From manifests to what they come to: every default filled in, every number proven, or a refusal that says why. Pure.

`accept` reads live objects, `resolve` puts a store together from its spec and its plan, and a module per
concern has the arithmetic and the refusals of it; what comes out is a `Resolved`.
"""

from vectorstore_operator.plan.resolve import choose_plan, resolve, size_plan
from vectorstore_operator.plan.resolved import Identity, Plan, Resolved

__all__ = ["Identity", "Plan", "Resolved", "choose_plan", "resolve", "size_plan"]
