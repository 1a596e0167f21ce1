"""Run the sandbox vendor as a child process, for commands that work without a key."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from data_nexus.config import Secret, Settings
from data_nexus.errors import VendorUnavailable

_ENDING_SEC = 10
# A proxy of the environment is for other machines.
_DIRECTLY = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class SandboxVendor:
    """A running sandbox: settings that point at it, and its control port."""

    settings: Settings
    control: str

    def ask(self, path: str, body: dict[str, Any] | None = None) -> bytes:
        """Send a GET, or with `body` a POST, to the control port and return the answer."""
        sent = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.control}{path}", sent, {"Content-Type": "application/json"})  # noqa: S310 - loopback
        with _DIRECTLY.open(request) as answer:
            content: bytes = answer.read()
        return content


@contextmanager
def sandbox_vendor(settings: Settings, options: Sequence[str]) -> Iterator[SandboxVendor]:
    """Run a sandbox with a token of its own while the block lasts."""
    token = secrets.token_hex(8)
    child = subprocess.Popen(  # noqa: S603 - our own program
        # -P: no module of the working folder is loaded.
        [sys.executable, "-P", "-m", "data_nexus.sandbox", "--until-stdin-closes", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"NEXUS_SANDBOX_TOKEN": token},
        start_new_session=True,
    )
    try:
        yield _started(child, replace(settings, token=Secret(token)))
    finally:
        _end(child)


def _started(child: subprocess.Popen[bytes], settings: Settings) -> SandboxVendor:
    line = child.stdout.readline() if child.stdout else b""
    if not line:
        raise VendorUnavailable("the sandbox did not start; its message is above")
    ready = json.loads(line)
    return SandboxVendor(replace(settings, eodhd_base_url=ready["url"]), ready["control"])


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.stdin:
        child.stdin.close()
    try:
        child.wait(_ENDING_SEC)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout:
        child.stdout.close()
