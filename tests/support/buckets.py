"""A real S3 server on a loopback port: versitygw over a folder, built once from the modules pinned in s3server/.

`VERSITYGW` names a binary that is there already; else Go (1.25 or newer) builds one, into the cache of this checkout.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.instances import free_port

SOURCES = Path(__file__).with_name("s3server")
CACHE = Path(__file__).parents[2] / ".cache" / "s3server"
ACCESS_KEY, SECRET_KEY = "an-access-key", "a-secret-key"
READY_WITHIN = 30.0


def found() -> Path | None:
    """The server's binary, built where it is not there yet; None where that cannot be."""
    if given := os.environ.get("VERSITYGW"):
        return Path(given)
    made = CACHE / hashlib.sha256((SOURCES / "go.sum").read_bytes()).hexdigest()[:16] / "versitygw"
    if not made.exists():
        if shutil.which("go") is None:
            return None
        made.parent.mkdir(parents=True, exist_ok=True)
        part = made.with_suffix(f".{os.getpid()}")
        command = ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(part)]
        # Static: tests/e2e runs it in an image.
        env = os.environ | {"CGO_ENABLED": "0"}
        subprocess.run([*command, "github.com/versity/versitygw/cmd/versitygw"], cwd=SOURCES, check=True, env=env)
        part.rename(made)
    return made


def binary() -> Path:
    """The server's binary; skips the test where there is none and none can be built."""
    path = found()
    if path is None:
        pytest.skip("needs an S3 server: VERSITYGW (a versitygw binary), or Go to build it with")
    return path


@dataclass
class Bucket:
    """A server with one bucket."""

    folder: Path
    """Of the server: a folder in it is a bucket, a file in that an object."""
    name: str = "backups"
    certificate: tuple[Path, Path] | None = None
    """Files of a certificate chain and its key; None is http."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the server."""
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}"

    @property
    def path(self) -> Path:
        """Where the bucket's objects are as files."""
        return self.folder / "data" / self.name

    def objects(self) -> list[str]:
        """The objects there are, without what the server keeps for itself."""
        files = (path for path in self.path.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.path)) for path in files if ".sgwtmp" not in path.parts)

    def uploads(self) -> list[Path]:
        """Parts of uploads that have not come to their end."""
        return [path for path in self.path.glob(".sgwtmp/multipart/**/*") if path.is_file()]

    def start(self) -> Bucket:
        """Starts it; returns when it takes connections."""
        self.path.mkdir(parents=True, exist_ok=True)
        # Absolute paths: it changes its directory before it reads them.
        tls = ["--cert", str(self.certificate[0]), "--key", str(self.certificate[1])] if self.certificate else []
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(binary()), "--port", f"127.0.0.1:{self.port}", "--quiet", "--keep-alive", *tls, "posix", "data"],
                env={"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + READY_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except ConnectionRefusedError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < end, f"not there after {READY_WITHIN} s"
                time.sleep(0.02)  # for another process: there is no event to wait for

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
