"""Serve an HTTP application at one address, to those alone who are meant.

A request must name a host of ours, one that changes something must come from a page of ours, and
every answer says what a browser may do with it. Requests have a size and a time.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from data_nexus.config import Settings
from data_nexus.errors import UsageError

# The largest body of a form, and the longest time that an answer may take to begin.
LARGEST_BODY = 65_536
_ANSWER_SEC = 20.0
_SHUTDOWN_SEC = 3.0
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE = frozenset({"GET", "HEAD"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "Server": "data-nexus",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class HttpPlace:
    """Where to listen: an address, a port (0: any that is free), and names besides the address."""

    address: str
    port: int
    hosts: frozenset[str] = frozenset()


def http_place(settings: Settings, *, has_login: bool) -> HttpPlace:
    """Return where the settings let it listen.

    Raises `UsageError` for what is no address, and for one that others can reach without a login.
    """
    address = settings.http_address
    if not has_login and not _is_loopback(address):
        raise UsageError(
            f"NEXUS_HTTP_ADDRESS: others could reach {address} without a login; write a password"
            " into a file that only you can read, and name it in NEXUS_DASHBOARD_PASSWORD_FILE"
        )
    hosts = frozenset(filter(None, (each.strip() for each in settings.http_hosts.split(","))))
    return HttpPlace(address, settings.http_port, frozenset(map(str.lower, hosts)))


def http_application(
    place: HttpPlace, streams: Collection[Callable[..., object]] = ()
) -> web.Application:
    """Return an application without routes that refuses what is not meant for it.

    An answer must begin soon, but for those of `streams`.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        _require_ours(request, place)
        if request.match_info.handler in streams:
            return await handler(request)
        try:
            async with asyncio.timeout(_ANSWER_SEC):
                return await handler(request)
        except TimeoutError:
            raise web.HTTPServiceUnavailable(text="no answer in time; try again") from None

    application = web.Application(middlewares=[guard], client_max_size=LARGEST_BODY)
    application.on_response_prepare.append(_add_headers)
    return application


@asynccontextmanager
async def served(application: web.Application, place: HttpPlace) -> AsyncIterator[str]:
    """Serve an application while the block lasts, and give its URL.

    At the end nothing new is accepted, and answers under way have a few seconds. Raises
    `UsageError` if the address cannot be had.
    """
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=_SHUTDOWN_SEC, keepalive_timeout=75.0
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, place.address, place.port)
        try:
            await site.start()
        except OSError as error:
            raise UsageError(
                f"{place.address}:{place.port}: {error.strerror or error}; choose another:"
                " NEXUS_HTTP_ADDRESS, NEXUS_HTTP_PORT"
            ) from None
        port = runner.addresses[0][1]
        yield f"http://{_written(place.address)}:{port}/"
    finally:
        await runner.cleanup()


def _require_ours(request: web.Request, place: HttpPlace) -> None:
    """Refuse a request for another host, by another method, or from another's page."""
    if request.method not in _SAFE | {"POST"}:
        raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD", "POST"])
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or _name_of(hosts[0]) not in _names(place):
        raise web.HTTPMisdirectedRequest(
            text="this host name is not served; add it to NEXUS_HTTP_HOSTS"
        )
    if request.method not in _SAFE and not _is_from_us(request, hosts[0]):
        raise web.HTTPForbidden(text="this request does not come from a page of this server")


def _is_from_us(request: web.Request, host: str) -> bool:
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    try:
        origin = urlsplit(request.headers.get("Origin", ""))
    except ValueError:
        return False
    return origin.scheme in ("http", "https") and origin.netloc.lower() == host.lower()


def _names(place: HttpPlace) -> frozenset[str]:
    address = _written(place.address.lower())
    own = _LOOPBACK_NAMES if _is_loopback(place.address) else frozenset({address})
    return own | {address} | place.hosts


def _name_of(host: str) -> str:
    """Return a Host header without its port, in small letters."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()


def _written(address: str) -> str:
    """Return an address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise UsageError(
            f"NEXUS_HTTP_ADDRESS: not an address: {address!r}; 127.0.0.1 is this machine alone"
        ) from None


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    del request
    for name, value in _HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
