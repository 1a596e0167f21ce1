"""Let a process without pages answer a monitor: a listener of its own, on loopback by default."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from data_nexus.errors import UsageError
from data_nexus.service.operations import Operations, add_operations

# By another name a page of the web could read it: its name server may say 127.0.0.1.
_LOCAL_HOST = re.compile(r"(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::\d+)?", re.IGNORECASE)

# A monitor that is still being answered at the end waits no longer.
_LAST_SEC = 2.0


@asynccontextmanager
async def answering_monitors(operations: Operations, host: str, port: int) -> AsyncIterator[int]:
    """Answer `/metrics`, `/health` and `/ready` while the block runs; yield the port.

    Port 0 is any free one. Raises `UsageError` for an address on which it cannot listen.
    """
    application = web.Application(middlewares=[_local_only] if is_loopback(host) else [])
    add_operations(application, operations)
    runner = web.AppRunner(
        application, access_log=None, handle_signals=False, shutdown_timeout=_LAST_SEC
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            number = error.errno or 0
            # Of a name that is not found the number is none of the system's.
            cause = os.strerror(number) if number > 0 else error.strerror
            raise UsageError(
                f"metrics cannot be shown on {host}, port {port}: {cause}; name another by"
                " --metrics-port, or NEXUS_METRICS_HOST"
            ) from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@web.middleware
async def _local_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a request by another name than this machine's own."""
    if _LOCAL_HOST.fullmatch(request.host) is None:
        raise web.HTTPForbidden(text="ask by 127.0.0.1 or localhost\n")
    return await handler(request)
