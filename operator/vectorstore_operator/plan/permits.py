"""What a store asks for that its plan must permit: issuers of tokens, and the plan itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vectorstore_operator.api.plan import PlanSpec
from vectorstore_operator.api.store import StoreSpec
from vectorstore_operator.api.urls import allowed
from vectorstore_operator.refusal import Refusal


def issuer_refused(name: str, plan: PlanSpec, spec: StoreSpec) -> Refusal | None:
    """Why tokens cannot be taken: a store reaches no URL that its plan does not list.

    Args:
        name: the plan's.
        plan: the plan in force.
        spec: what the store's manifest says.
    """
    if spec.jwt is None:
        return None
    for field, url in (("issuer", spec.jwt.issuer), ("jwksUrl", spec.jwt.jwks_url)):
        if url is not None and not allowed(url, plan.issuers):
            listed = ", ".join(plan.issuers or ()) or "none"
            return Refusal(
                "IssuerNotAllowed",
                f"spec.jwt.{field}: {url} is not among the issuers of plan {name}, which are {listed}; choose one of "
                "them, or have the plan's issuers extended",
            )
    return None


def namespace_refused(name: str, plan: PlanSpec, namespace: str, labels: Mapping[str, str]) -> Refusal | None:
    """Why a plan may not be used.

    Args:
        name: the plan's.
        plan: the plan in force.
        namespace: the store's.
        labels: that namespace's; looked at only where the plan goes by labels.
    """
    to = plan.allowed_namespaces
    if to is None:
        return None
    if to.names is not None:
        if namespace in to.names:
            return None
        whose = f"namespaces {', '.join(to.names)}" if to.names else "no namespace"
    else:
        wanted = to.match_labels or {}
        if wanted.items() <= labels.items():
            return None
        whose = f"namespaces labelled {', '.join(f'{label}={value}' for label, value in wanted.items())}"
    return Refusal(
        "PlanNotAllowed",
        f"spec.plan: plan {name} is for {whose}, and the store is in {namespace}; choose another plan, or have this "
        "one's allowedNamespaces extended",
    )


def settings(plan: PlanSpec, spec: StoreSpec, *, embeds: bool) -> dict[str, Any]:
    """Fields of `Settings` for all this, those that plan and store state."""
    jwt = spec.jwt.model_dump(exclude_none=True) if spec.jwt else {}
    given = {f"jwt_{field}": value for field, value in jwt.items()}
    if plan.document_urls and embeds:
        given["document_urls"] = ",".join(plan.document_urls)
    if spec.cors_origins:
        given["cors_origins"] = ",".join(spec.cors_origins)
    if plan.log_format:
        given["log_format"] = plan.log_format
    return given
