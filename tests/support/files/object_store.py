"""An object store as tests use it: moto's S3 over HTTP, in a process of its own.

It knows one bucket and one pair of keys, and checks each signature. It writes down what it is
asked, and holds a write on request, so that a test can act between two writes:

    with object_store() as store:
        store.hold("manifest.json")
        start_export(store.address("lake"))
        store.await_held()

The process is `object_store_server.py`, in the environment of moto.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pyarrow import fs

from tests.support.files import object_store_server
from tests.support.files.object_store_server import CONTROL
from tests.support.files.tool_environments import python_with
from tests.support.vendor.sandbox import fetch

BUCKET = "bucket"
REGION = "eu-central-1"
_KEYS = ("access_key", "secret_key")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A running object store and the keys that it takes."""

    url: str
    access_key: str
    secret_key: str
    pid: int

    @property
    def options(self) -> str:
        """How an address names the endpoint."""
        host = urlsplit(self.url).netloc
        return f"endpoint_override={host}&scheme=http&region={REGION}"

    def address(self, prefix: str, **other: str) -> str:
        """An address with all that is needed, keys included; `bucket="…"` and the like replace."""
        keys = [quote(other.get(name, getattr(self, name)), "") for name in _KEYS]
        bucket = other.get("bucket", BUCKET)
        return f"s3://{':'.join(keys)}@{bucket}/{prefix}?{other.get('options', self.options)}"

    @property
    def environment(self) -> dict[str, str]:
        """What the tools of object stores read, in place of all that."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
        }

    def files(self) -> fs.S3FileSystem:
        """The store by a client without our code."""
        return fs.S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            endpoint_override=urlsplit(self.url).netloc,
            scheme="http",
            region=REGION,
        )

    def mirror(self, prefix: str, folder: Path) -> Path:
        """Copy what lies below a prefix, without logs of Delta, and return the folder."""
        store, root = self.files(), f"{BUCKET}/{prefix}"
        for found in store.get_file_info(fs.FileSelector(root, recursive=True)):
            target = folder / found.path.removeprefix(f"{root}/")
            if found.type == fs.FileType.File and "_delta_log" not in found.path:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(store.open_input_stream(found.path).read())
        return folder

    def asked(self) -> list[tuple[str, str]]:
        """Each request so far: its method, and what it named in the bucket."""
        return [(method, path) for method, path in self._control("log")]

    def hold(self, text: str) -> None:
        """Let the next write to an object with that in its name wait."""
        self._control(f"hold/{text}")

    def await_held(self) -> None:
        """Wait until it has come."""
        assert self._control("held"), "no such write has come"

    def release(self, *, done: bool = True) -> None:
        """Let it be done, or be refused."""
        self._control(f"release/{int(done)}")

    def _control(self, what: str) -> Any:  # noqa: ANN401 - JSON is any shape
        return fetch(f"{self.url}{CONTROL}{what}").json()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run an object store for as long as the block lasts, on a free port."""
    with subprocess.Popen(
        [python_with("moto", "moto"), object_store_server.__file__, BUCKET, REGION],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            assert running.stdout
            line = running.stdout.readline()
            if not line:
                raise AssertionError(f"the object store did not start: {running.wait()}")
            yield ObjectStore(**json.loads(line), pid=running.pid)
        finally:
            running.kill()
