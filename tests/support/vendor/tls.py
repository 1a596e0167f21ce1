"""A way to the sandbox as through a company's network: TLS with certificates of a day, a proxy.

From the standard library and the program `openssl`; everything listens on this machine only.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files: the authority's certificate, and a host's certificate with its key."""

    authority: Path
    host: Path
    key: Path


def certificates_for(host: str, folder: Path) -> Certificates:
    """An authority that nobody knows, and a certificate for the host by it."""
    made = Certificates(folder / "authority.pem", folder / "host.pem", folder / "host.key")
    authority_key, request, names = folder / "authority.key", folder / "host.csr", folder / "names"
    names.write_text(f"subjectAltName=DNS:{host}\n")
    _openssl(
        *("req", "-x509", *_CURVE, "-keyout", authority_key, "-out", made.authority),
        *("-subj", "/CN=an authority of tests", "-days", "2"),
    )
    _openssl("req", "-new", *_CURVE, "-keyout", made.key, "-out", request, "-subj", f"/CN={host}")
    _openssl(
        *("x509", "-req", "-in", request, "-CA", made.authority, "-CAkey", authority_key),
        *("-CAcreateserial", "-days", "2", "-extfile", names, "-out", made.host),
    )
    return made


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)  # noqa: S607


@dataclass(slots=True)
class ConnectProxy:
    """A proxy that only tunnels: what it was asked for, and every byte that it saw."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)


@contextmanager
def connect_proxy(
    target: int, status: str = "200 Connection established"
) -> Iterator[ConnectProxy]:
    """Run a proxy that leads every host to one port here; with another status, nowhere."""
    proxy = ConnectProxy()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.seen += head
        proxy.asked.append(head.split(b"\r\n")[0].decode())
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if status.startswith("200"):
            await _join(reader, writer, target, proxy.seen)

    with _listening(tunnel) as proxy.port:
        yield proxy


@contextmanager
def tls_front(target: int, certificates: Certificates) -> Iterator[int]:
    """Listen with TLS before a port that has none; its own port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.host, certificates.key)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, target, bytearray())

    with _listening(pass_on, context) as port:
        yield port


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int, seen: bytearray
) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
    await asyncio.gather(_copy(reader, far_writer, seen), _copy(far_reader, writer, seen))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seen: bytearray) -> None:
    with suppress(OSError):
        while part := await source.read(1 << 16):
            seen += part
            sink.write(part)
            await sink.drain()
    sink.close()


@contextmanager
def _listening(handler: Handler, context: ssl.SSLContext | None = None) -> Iterator[int]:
    loop, started, ports = asyncio.new_event_loop(), threading.Event(), []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        ports.append(server.sockets[0].getsockname()[1])
        started.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    task = loop.create_task(run())
    thread = threading.Thread(target=loop.run_until_complete, args=(task,))
    thread.start()
    started.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()
