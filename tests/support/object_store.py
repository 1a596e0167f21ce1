"""Owns an object store as tests use it: moto's S3 over HTTP, in a process of its own.

It knows one bucket and one pair of keys, and checks each signature. It writes down what it is
asked, and holds a write on request, so that a test can act between two writes:

    with object_store() as store:
        store.hold("manifest.json")
        start_export(store.address("lake"))
        store.await_held()

Run as a program, this module is that process; it ends when its standard input does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from pyarrow import fs

from tests.support.sandbox import fetch

BUCKET = "bucket"
REGION = "eu-central-1"
_WRITES = ("PUT", "POST", "DELETE")
_CONTROL = "/_control/"
_KEYS = ("access_key", "secret_key")
_PATIENCE_SEC = 60.0


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
        return fetch(f"{self.url}{_CONTROL}{what}").json()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run an object store for as long as the block lasts, on a free port."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", __name__],
        cwd=Path(__file__).parents[2],
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


class _Watched:
    """What stands before moto: it writes requests down, and holds some."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._asked: list[tuple[str, str]] = []
        self._change = threading.Condition()
        self._awaited: str | None = None
        self._is_held = self._is_done = False

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, of WSGI."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path.startswith(_CONTROL):
            answer = json.dumps(self._told(*path.removeprefix(_CONTROL).split("/", 1))).encode()
            start("200 OK", [("Content-Type", "application/json")])
            return [answer]
        with self._change:
            self._asked.append((method, path.removeprefix(f"/{BUCKET}/")))
            is_done = method not in _WRITES or self._let(path)
        if is_done:
            return self._application(environ, start)
        start("403 Forbidden", [])
        return []

    def _let(self, path: str) -> bool:
        """Wait if this write is to be held; whether it is to be done."""
        if self._awaited is None or self._awaited not in path:
            return True
        self._awaited, self._is_held = None, True
        self._change.notify_all()
        self._change.wait_for(lambda: not self._is_held)
        return self._is_done

    def _told(self, what: str, text: str = "") -> object:
        with self._change:
            if what == "log":
                return self._asked
            if what == "held":
                return self._change.wait_for(lambda: self._is_held, _PATIENCE_SEC)
            self._awaited = text if what == "hold" else None
            self._is_held, self._is_done = False, text == "1"
            self._change.notify_all()
            return True


def _serve() -> None:
    from moto import settings  # noqa: PLC0415
    from moto.iam.models import iam_backends  # noqa: PLC0415
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from moto.s3.models import s3_backends  # noqa: PLC0415
    from werkzeug.serving import make_server  # noqa: PLC0415

    account = "123456789012"
    s3_backends[account]["aws"].create_bucket(BUCKET, REGION)
    users = iam_backends[account]["aws"]
    users.create_user(REGION, "writer")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
    users.put_user_policy("writer", "all", json.dumps(policy))
    key = users.create_access_key("writer")
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0  # from here on it takes no other key
    application = _Watched(DomainDispatcherApplication(create_backend_app))
    server = make_server(
        "127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    keys = {"access_key": key.access_key_id, "secret_key": key.secret_access_key}
    print(json.dumps({"url": url, **keys}), flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    _serve()
