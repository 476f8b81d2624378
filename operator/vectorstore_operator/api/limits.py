"""What a plan bounds beside documents and dimension; what is left out is the instance's own default."""

from __future__ import annotations

from pydantic import Field

from vectorstore_operator.api.base import Model
from vectorstore_operator.api.quantities import BodySize, Size


class PlanLimits(Model):
    """Bounds of a store of the plan, over all its pods; they change without a restart."""

    collections: int | None = Field(None, ge=1, le=1_000_000)
    """Collections in all databases together; omitted = 10000."""
    bytes: Size | None = None
    """Bytes of the store's files; omitted = what the volume holds."""
    batch_rows: int | None = Field(None, ge=1, le=5461)
    """Rows in one request; omitted = 5461."""
    body_bytes: BodySize | None = None
    """Bytes in one request body, an eighth of a pod's memory at most; omitted = 64Mi."""
    results: int | None = Field(None, ge=1, le=100_000)
    """Results for one vector of a query; omitted = 10000."""
    where_operators: int | None = Field(None, ge=1, le=800)
    """Operators in the filters of one request; omitted = 256."""
    where_document: bool | None = None
    """Whether texts may be searched by `where_document`; omitted = true."""
    requests_per_second: float | None = Field(None, ge=0.001, le=1_000_000)
    """Requests per second on average; omitted = any number."""
    burst: int | None = Field(None, ge=1, le=1_000_000)
    """Requests at once above that; omitted = two seconds' worth."""
    concurrent: int | None = Field(None, ge=1, le=10_000)
    """Requests under way at the same time; omitted = 256."""
