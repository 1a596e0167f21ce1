"""The program that is the tests' object store: moto's server, and what stands before it.

Nothing of ours is imported, for moto has an environment of its own.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

# What is asked below it is for the test that holds writes and reads what was asked.
CONTROL = "/_control/"
_WRITES = ("PUT", "POST", "DELETE")
_PATIENCE_SEC = 60.0


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
        if path.startswith(CONTROL):
            answer = json.dumps(self._told(*path.removeprefix(CONTROL).split("/", 1))).encode()
            start("200 OK", [("Content-Type", "application/json")])
            return [answer]
        with self._change:
            self._asked.append((method, path.lstrip("/").partition("/")[2]))
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


def serve(bucket: str, region: str) -> None:
    """Serve one bucket until the standard input ends; the first line tells how to reach it."""
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
    s3_backends[account]["aws"].create_bucket(bucket, region)
    users = iam_backends[account]["aws"]
    users.create_user(region, "writer")
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
    serve(*sys.argv[1:])
