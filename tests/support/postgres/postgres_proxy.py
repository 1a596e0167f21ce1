"""A proxy before PostgreSQL that cuts a session at its COMMIT, with the outcome chosen.

The server listens on a Unix socket, the proxy on a port of 127.0.0.1; between them bytes pass as
they are. `fate` strikes the next COMMIT that a client sends, once.
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

from psycopg.conninfo import conninfo_to_dict

_CHUNK = 1 << 16


class Fate(Enum):
    """What becomes of a COMMIT whose client hears no answer."""

    LOST = auto()  # it never reaches the server, which rolls back
    DONE = auto()  # the server commits, its answer is lost
    PENDING = auto()  # the server has it and is still at work when the client is cut off


@dataclass(slots=True)
class Proxy:
    """A running proxy; `url` leads through it, `struck` counts the cut sessions."""

    socket: str
    url: str = ""
    fate: Fate | None = None
    struck: int = 0
    sessions: list[asyncio.Task[None]] = field(default_factory=list)

    def accept(self, client: StreamReader, back: StreamWriter) -> None:
        """Take a client's connection."""
        self.sessions.append(asyncio.create_task(self._serve(client, back)))

    async def _serve(self, client: StreamReader, back: StreamWriter) -> None:
        server, forth = await asyncio.open_unix_connection(self.socket)
        answers = asyncio.create_task(_pass_on(server, back))
        try:
            with suppress(ConnectionError):
                while chunk := await client.read(_CHUNK):
                    if b"COMMIT\0" in chunk and self.fate:
                        answers.cancel()
                        await asyncio.wait([answers])
                        await self._strike(chunk, server, forth)
                        return
                    forth.write(chunk)
        finally:
            answers.cancel()
            back.close()
            forth.close()

    async def _strike(self, chunk: bytes, server: StreamReader, forth: StreamWriter) -> None:
        fate, self.fate = self.fate, None
        self.struck += 1
        if fate is not Fate.LOST:
            forth.write(chunk)
            await forth.drain()
        if fate is Fate.DONE:
            await server.read(_CHUNK)


async def _pass_on(server: StreamReader, back: StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await server.read(_CHUNK):
            back.write(chunk)
            await back.drain()
    back.close()


@asynccontextmanager
async def proxy_before(url: str, port: int = 0) -> AsyncIterator[Proxy]:
    """Yield a proxy before the database of `url`, whose server has a Unix socket.

    It listens on `port`, or on any.
    """
    target = conninfo_to_dict(url)
    proxy = Proxy(f"{target['host']}/.s.PGSQL.{target['port']}")
    listening = await asyncio.start_server(proxy.accept, "127.0.0.1", port)
    port = listening.sockets[0].getsockname()[1]
    proxy.url = f"postgresql://{target['user']}@127.0.0.1:{port}/{target['dbname']}"
    async with listening:
        yield proxy
    for session in proxy.sessions:
        session.cancel()
    await asyncio.wait(proxy.sessions)
