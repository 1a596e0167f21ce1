"""Look up names in threads that no one waits for.

A name server that does not answer holds a look-up for half a minute. In the event loop's own
threads it would hold the end of the command for as long, after the request was given up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

LookUp = Callable[..., list[Any]]


class ThreadResolver(AbstractResolver):
    """Resolves each name in a daemon thread of its own; `look_up` is as `socket.getaddrinfo`."""

    def __init__(self, look_up: LookUp = socket.getaddrinfo) -> None:
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raise `OSError` for a name that is not known."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Any]] = loop.create_future()

        def settle(answer: list[Any] | OSError) -> None:
            if found.done():
                return
            if isinstance(answer, OSError):
                found.set_exception(answer)
            else:
                found.set_result(answer)

        def look_up() -> None:
            answer: list[Any] | OSError
            try:
                answer = self._look_up(
                    host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
            except OSError as error:
                answer = error
            with suppress(RuntimeError):  # the loop is closed: the command has ended
                loop.call_soon_threadsafe(settle, answer)

        Thread(target=look_up, name="name look-up", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in await found
            if len(address) == 2 or not address[3]  # no address of one link alone
        ]

    async def close(self) -> None:
        """Do nothing: a thread ends with its look-up."""
