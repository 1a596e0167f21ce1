"""Listen on the sandbox's two sockets until a signal, or until the parent ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from data_nexus.sandbox.control.control import Control
from data_nexus.sandbox.server import RestServer

HOST = "127.0.0.1"
BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of the API and of the controls; 0 is any free one."""

    rest: int
    control: int


async def serve(
    rest: RestServer,
    control: Control,
    ports: Ports,
    ready: Callable[[Ports], None],
    *,
    until_stdin_closes: bool,
) -> None:
    """Listen until SIGTERM, SIGINT or, if set, the end of stdin; `ready` receives the ports."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    api = web.ServerRunner(web.Server(rest.respond, access_log=None), shutdown_timeout=0.1)
    controls = web.AppRunner(control.application(), access_log=None, shutdown_timeout=0.1)
    try:
        listening = Ports(
            await _listen(api, ports.rest),
            await _listen(controls, ports.control),
        )
        ready(listening)
        if until_stdin_closes:
            loop.add_reader(sys.stdin.fileno(), _end_at_eof, ended)
        await ended.wait()
    finally:
        await api.cleanup()
        await controls.cleanup()


async def _listen(runner: web.BaseRunner, port: int) -> int:
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=BACKLOG).start()
    chosen: int = runner.addresses[0][1]
    return chosen


def _end_at_eof(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        ended.set()
