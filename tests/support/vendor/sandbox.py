"""The sandbox as tests use it: the vendor's simulator, started as a process of its own.

Synchronous and from the standard library only, so that it shares nothing with what it watches:

    with sandbox(symbols=10, clean=True) as vendor:
        vendor.post("/faults", {"kind": "hang", "times": 1})
        engine(vendor.url, vendor.token)
        assert vendor.log()[0]["fault"] == "hang"
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.programs.forks import FORKS

# As the vendor's look, and long enough for a search of leaks.
TOKEN = "7d41c0e95ab26f.58203946"  # noqa: S105 - the simulator's own, of no worth elsewhere

_SANDBOX = "data_nexus.sandbox.command:sandbox"

Option = str | int | float | bool | Path | Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP: the body as it was sent, still compressed if it was."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON is any shape
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox: `url` for the engine, `control` for the test, `pid` of the process."""

    url: str
    control: str
    pid: int
    token: str

    def ask(self, path: str, **query: str | int) -> Reply:
        """Send a request to the vendor, token included; underscores at a name's end are dropped.

        `ask("/eod/AAPL.US", fmt="json", from_="2024-01-02")`. A refusal is a reply as well.
        """
        params = {name.rstrip("_"): value for name, value in query.items()}
        return fetch(f"{self.url}{path}?{urlencode({'api_token': self.token, **params})}")

    def post(self, path: str, json: object = None) -> Any:  # noqa: ANN401
        """Tell the control port something; its answer, parsed."""
        return self._control("POST", path, json)

    def get(self, path: str) -> Any:  # noqa: ANN401
        """Ask the control port; its answer, parsed, or bytes where it is no JSON."""
        return self._control("GET", path)

    def delete(self, path: str) -> Any:  # noqa: ANN401
        """Undo on the control port, such as `delete("/faults")`."""
        return self._control("DELETE", path)

    def log(self) -> list[dict[str, Any]]:
        """Every request that the vendor has seen so far, oldest first."""
        return list(self.get("/log"))

    def _control(self, method: str, path: str, content: object = None) -> Any:  # noqa: ANN401
        body = None if content is None else json.dumps(content).encode()
        reply = fetch(f"{self.control}{path}", method, body)
        if reply.status != 200:
            raise AssertionError(f"{method} {path}: {reply.status} {reply.body[:500]!r}")
        is_json = reply.headers["Content-Type"].startswith("application/json")
        return reply.json() if is_json else reply.body


@contextmanager
def sandbox(*, token: str = TOKEN, **options: Option) -> Iterator[Sandbox]:
    """Run a sandbox for as long as the block lasts; options are those of `nexus sandbox`.

    `sandbox(symbols=10, clean=True, exchange=["US", "LSE"], bars=[first, second])`: True is a
    bare flag, a list repeats its option.
    """
    environment = {**os.environ, "NEXUS_SANDBOX_TOKEN": token}
    told = ["--until-stdin-closes", *arguments(options)]
    running = FORKS.start(_SANDBOX, told, environment, Path.cwd())
    try:
        line = running.stdout.readline()
        if not line:
            raise AssertionError(f"the sandbox did not start: {running.stderr.read()}")
        yield Sandbox(token=token, **json.loads(line))
    finally:
        running.close()


def arguments(options: dict[str, Option]) -> Iterator[str]:
    """Options as the command line spells them."""
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            yield from [flag] if value else []
            continue
        for one in value if isinstance(value, list | tuple) else [value]:
            yield from (flag, str(one))


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> Reply:
    """One HTTP request, no redirect followed, no proxy; a refusal is a reply as well."""
    request = urllib.request.Request(url, body, method=method)  # noqa: S310 - http to 127.0.0.1
    try:
        with _OPENER.open(request, timeout=60) as answer:
            return Reply(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Reply(refusal.code, dict(refusal.headers), refusal.read())


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the redirect itself is the reply."""


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
