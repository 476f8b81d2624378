"""Who reaches a store and whom it reaches: the parts of a NetworkPolicy that a plan says."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from vectorstore_operator.api.base import Model
from vectorstore_operator.api.rules import Ruled, excludes

PEER = excludes(
    "ip_block",
    "namespace_selector",
    "pod_selector",
    message="ipBlock does not go together with namespaceSelector or podSelector; make two peers of them",
)

LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]
"""The value of a label or taint, which may be empty."""

LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"


def keyed_well(pairs: dict[str, str]) -> dict[str, str]:
    """Labels or annotations as they are; a schema of a CRD says nothing of keys.

    Raises:
        ValueError: a key is none, and no object could have it.
    """
    for key in pairs:
        if len(key) > 317 or not re.fullmatch(LABEL_KEY, key):
            raise ValueError(f"{key!r} is no key of a label or annotation, such as tier or example.com/tier")
    return pairs


Labels = Annotated[dict[str, LabelValue], Field(max_length=16), AfterValidator(keyed_well)]
"""Labels by their keys."""


def _is_a_range(cidr: str) -> str:
    # CEL has isCIDR since Kubernetes 1.31 only.
    ip_network(cidr, strict=False)
    return cidr


Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$", max_length=43), AfterValidator(_is_a_range)]
"""A range of addresses, such as 10.0.0.0/8: one address is 10.0.0.5/32, and there are no masks in dots."""


class LabelSelector(Model):
    """Objects by their labels; empty = all."""

    match_labels: Labels = {}
    """Labels an object must have, each with this value."""


class IpBlock(Model):
    """A range of addresses."""

    cidr: Cidr
    """Such as 10.0.0.0/8."""
    except_: Annotated[list[Cidr], Field(max_length=16)] | None = Field(None, alias="except")
    """Ranges within it that are left out."""

    @model_validator(mode="after")
    def _within(self) -> Self:
        whole = ip_network(self.cidr, strict=False)
        for part in self.except_ or ():
            left = ip_network(part, strict=False)
            if left == whole or left.version != whole.version or not left.subnet_of(whole):  # type: ignore[arg-type]
                raise ValueError(f"except: {part} is not a part of {self.cidr}; leave it out")
        return self


class Peer(Ruled):
    """One end of a connection: a NetworkPolicy peer."""

    rules = (PEER,)
    namespace_selector: LabelSelector | None = None
    """Namespaces by label; omitted = the store's own."""
    pod_selector: LabelSelector | None = None
    """Pods by label; omitted = all."""
    ip_block: IpBlock | None = None
    """Addresses; not together with the selectors."""


class Egress(Model):
    """Where pods may connect to."""

    to: Annotated[list[Peer], Field(min_length=1, max_length=16)]
    """Whom they reach."""
    ports: Annotated[list[Annotated[int, Field(ge=1, le=65535)]], Field(max_length=16)] | None = None
    """TCP ports; omitted = all."""


class PlanNetwork(Model):
    """Who reaches a store, and whom it reaches beside DNS and its own pods."""

    clients: Annotated[list[Peer], Field(max_length=16)] | None = None
    """Where clients may come from; omitted = pods of the store's own namespace."""
    egress: Annotated[list[Egress], Field(max_length=16)] | None = None
    """Whom the store's pods reach; omitted = public addresses, on the ports of endpoint, issuer and documents."""
