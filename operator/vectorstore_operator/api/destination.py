"""Where backups are kept: a bucket of S3 or of what speaks it, or a volume claim."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vectorstore_operator.api.base import Model, Name
from vectorstore_operator.api.rules import Check, Ruled, one_of
from vectorstore_operator.api.urls import is_url

PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}"
"""One step of an object's path, as the Jobs take it."""
Prefix = Annotated[str, Field(pattern=rf"^{PART}(/{PART})*$", max_length=256)]
"""Put before every object's path: folders without a slash at either end."""
Endpoint = Annotated[
    str, Field(pattern=r"^https?://[^\s,/@?#]+(/[^\s,@?#]*)?$", max_length=512), AfterValidator(is_url)
]
"""Where a server is, as the Jobs take it."""

PLACE = one_of("s3", "claim", "destination: either s3 or claim; leave one out")
KMS = Check(
    rule="!has(self.kmsKeyId) || (has(self.sse) && self.sse == 'aws:kms')",
    message="kmsKeyId goes with sse: aws:kms; add it, or leave the key out",
    holds=lambda bucket: bucket.kms_key_id is None or bucket.sse == "aws:kms",
)
ENCRYPTION = Check(
    rule="!has(self.encrypt) || !self.encrypt || has(self.secretName)",
    message="encrypt needs the entry encryption-key of a Secret; name it as secretName, or leave encrypt out",
    holds=lambda destination: not destination.encrypt or destination.secret_name is not None,
)
SSE_C = Check(
    rule="!has(self.s3) || !has(self.s3.sse) || self.s3.sse != 'sse-c' || has(self.secretName)",
    message="s3.sse: sse-c needs the entry sse-c-key of a Secret; name it as secretName, or choose another",
    holds=lambda destination: (
        destination.s3 is None or destination.s3.sse != "sse-c" or destination.secret_name is not None
    ),
)


class Bucket(Ruled):
    """A bucket of S3, or of what speaks it."""

    rules = (KMS,)
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", max_length=63)]
    """Its name."""
    prefix: Prefix | None = None
    """Put before every object's path; omitted = nothing."""
    endpoint: Endpoint | None = None
    """Where it is, if not at Amazon's of the region."""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$", max_length=64)] | None = None
    """Its region; omitted = us-east-1."""
    path_style: bool | None = None
    """Whether the bucket is in the path rather than in the host's name; omitted = whether there is an endpoint."""
    sse: Literal["AES256", "aws:kms", "sse-c"] | None = None
    """What the server encrypts objects with; omitted = what the bucket says."""
    kms_key_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=2048)] | None = None
    """With `sse: aws:kms`; omitted = the account's own."""


class ClaimPlace(Model):
    """A volume claim of the operator's namespace."""

    name: Name
    """Its name; several Jobs write to it at a time, so ReadWriteMany, unless one node has them all."""
    prefix: Prefix | None = None
    """A folder in it; omitted = its root."""


class Destination(Ruled):
    """A place of the platform's: credentials are in the operator's namespace, and Jobs run there."""

    rules = (PLACE, ENCRYPTION, SSE_C)
    s3: Bucket | None = None
    """A bucket."""
    claim: ClaimPlace | None = None
    """A volume claim."""
    secret_name: Name | None = None
    """A Secret of the operator's namespace, with what is needed of: `access-key-id`, `secret-access-key`,
    `session-token`, `ca.crt`, `sse-c-key`, `encryption-key`; omitted = what the nodes' role offers."""
    encrypt: bool = False
    """Whether archives are encrypted with the Secret's `encryption-key` before they leave."""


class OwnDestination(Model):
    """A bucket of the tenant's own: the key to it is in a Secret of the store's namespace."""

    s3: Bucket
    """The bucket; its endpoint is among the plan's `backup.endpoints`."""
    secret_name: Name
    """A Secret of the store's namespace, with what is needed of: `access-key-id`, `secret-access-key`,
    `session-token`, `ca.crt`, `sse-c-key`, `encryption-key`."""
    encrypt: bool | None = None
    """Whether archives are encrypted with the Secret's `encryption-key` before they leave; omitted = not."""
