"""The contract of backup jobs: what whoever starts one says, in a folder, and where things are.

    BACKUP_DIR (default /etc/backup; in a cluster a mounted Secret, made for the one job)
      job.json            a `Job`
      token               the instance's admin key; for backup and restore
      access-key-id  secret-access-key  session-token    of S3; without them what the environment offers
      ca.crt              PEM of who signed the S3 endpoint's certificate, where that is no public one
      sse-c-key           base64 of 32 bytes, with `sse: sse-c`
      encryption-key      age identities (AGE-SECRET-KEY-1...), one a line: the first encrypts, each decrypts

Only pydantic is needed here, so that the operator renders the class that the job parses. What comes of it is in
`result`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

Verb = Literal["backup", "verify", "restore", "delete", "list"]

MOST_NAMES = 1000
"""Backups that one job deletes at most."""

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}"
Part = Annotated[str, Field(pattern=rf"^{_PART}$")]
"""One step of an object's path: it can neither be empty, nor hidden, nor lead upwards."""
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$")]
Prefix = Annotated[str, Field(pattern=rf"^({_PART}(/{_PART})*)?$", max_length=256)]
Object = Annotated[str, Field(pattern=rf"^{_PART}(/{_PART})*[.]tar[.]zst([.]age)?$", max_length=1024)]
"""An object's path in its bucket or folder."""
Url = Annotated[str, Field(pattern=r"^https?://[^/\s@]+(/[^\s@]*)?$", max_length=512)]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


class Store(_Part):
    """Whose backups: the path of their objects, and what their archives say of themselves."""

    cluster: Label
    """The cluster's name, the same in every backup of it."""
    namespace: Label
    uid: Label
    """Of the VectorStore: one made anew under a name is another store."""
    name: Label
    """For people: no path has it, listings show it."""

    @property
    def path(self) -> str:
        """Where its backups are, below the destination's prefix."""
        return f"{self.cluster}/{self.namespace}/{self.uid}"


class S3(_Part):
    """A bucket of S3, or of what speaks it."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Prefix = ""
    """Put before every object's path."""
    endpoint: Url | None = None
    """None is Amazon's of the region. One by http shows whoever listens all that is not encrypted here."""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] = "us-east-1"
    path_style: bool | None = None
    """Whether the bucket is in the path rather than in the host's name; None is whether there is an endpoint."""
    sse: Literal["AES256", "aws:kms", "sse-c"] | None = None
    """What the server encrypts objects with; None is what the bucket says."""
    kms_key_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,2048}$")] | None = None
    """With `sse: aws:kms`; None is the account's own."""


class Folder(_Part):
    """A folder: a mounted claim, or one of this machine."""

    path: Path = Path("/backup")
    prefix: Prefix = ""


class Destination(_Part):
    """Where backups are: one of these."""

    s3: S3 | None = None
    folder: Folder | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.s3 is None) == (self.folder is None):
            raise ValueError("destination: give one of s3 and folder")
        return self


class Job(_Part):
    """What one job is to do."""

    verb: Verb
    store: Store | None = None
    """Whose backups, also where they are restored into another store. Only `list` does without, of all stores."""
    names: Annotated[tuple[Part, ...], Field(max_length=MOST_NAMES)] = ()
    """Of the backups: one for backup, verify and restore; those that go for delete; none for list."""
    object: Object | None = None
    """verify, restore: an object by its path in bucket or folder, instead of store and names: whose it is does not
    count then. For who may read the destination as a whole, as after the loss of a namespace."""
    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,64}$")] = ""
    """backup: whose backup of that name may be there already. The same run started again finds what it made; any
    other is refused by `Exists`. The uid of the VectorStoreBackup. restore: which restore it is. The instance keeps
    it, and what came by the same run already is left alone, with what was written since."""
    destination: Destination
    url: Url | None = None
    """backup, restore: the management port of the instance, such as http://acme-0.acme-headless.tenants.svc:9090"""
    replace: bool = False
    """restore: whether what the store holds may go. It goes when what comes has been proven, and the instance ends,
    to be started again. Such a job has a `run`: started a second time without, it would undo what was written since."""
    encrypt: bool = False
    """backup: whether the archive is encrypted with `encryption-key` before it leaves. What is read tells by its
    name whether it is."""
    scratch: Path | None = None
    """verify: where an archive is unpacked, which needs that much room and deletes it again; None is TMPDIR."""
    patience_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    """How long a destination or an instance that does not answer is asked again, at each step."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.verb in ("backup", "restore") and self.url is None:
            raise ValueError(f"url: missing, and {self.verb} needs the instance's management port")
        if self.object is not None:
            if self.verb not in ("verify", "restore") or self.names:
                raise ValueError("object: it stands for names, in verify and restore only")
            return self
        if self.verb != "list" and self.store is None:
            raise ValueError(f"store: missing, and {self.verb} needs to know whose backups are meant")
        least, most = {"list": (0, 0), "delete": (1, MOST_NAMES)}.get(self.verb, (1, 1))
        if not least <= len(self.names) <= most:
            raise ValueError(f"names: {len(self.names)}, and {self.verb} takes {least}{f' to {most}' * (most > least)}")
        return self
