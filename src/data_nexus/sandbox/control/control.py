"""Serve the control port, where tests and demos read the market, change it, and set faults."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from data_nexus.sandbox.account.plans import PLANS
from data_nexus.sandbox.control.account_changes import ACCOUNT_CHANGES, other_spender
from data_nexus.sandbox.control.market_changes import CHANGES, Body, NotUnderstood
from data_nexus.sandbox.control.truth import actions_of_all, bars_of_all, bars_of_one
from data_nexus.sandbox.endpoints.table import costs
from data_nexus.sandbox.faults.faults import Faults
from data_nexus.sandbox.market.behaviours import MEANINGS
from data_nexus.sandbox.request_log import RequestLog
from data_nexus.sandbox.variants import POSSIBLE
from data_nexus.sandbox.vendor import Vendor

# By another name a page of the web could reach this port: its name server may say 127.0.0.1.
LOCAL_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?", re.IGNORECASE)
# The second is what curl and Python's urllib send unless another type is given.
BODY_TYPES = frozenset({"application/json", "application/x-www-form-urlencoded"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_BY_PATH = CHANGES | ACCOUNT_CHANGES
_FAULT_KEYS = ("kind", "endpoint", "symbol", "share", "times", "struck")


@dataclass(frozen=True, slots=True)
class Control:
    """The control port's routes over a running vendor."""

    vendor: Vendor
    faults: Faults
    log: RequestLog

    def application(self) -> web.Application:
        """All routes; a request without meaning is answered with 400 and the reason.

        A web page cannot use them: its requests name an origin, or a host that is not this machine.
        """
        application = web.Application(middlewares=[_local, _explained], client_max_size=1 << 28)
        application.add_routes([web.post(path, partial(self._change, path)) for path in _BY_PATH])
        application.add_routes(
            [
                web.get("/", self._explain),
                web.post("/warm", self._warm),
                web.post("/faults", self._add_fault),
                web.get("/faults", self._list_faults),
                web.delete("/faults", self._clear_faults),
                web.get("/log", self._log),
                web.get("/truth", partial(bars_of_all, self.vendor.market)),
                web.get("/truth/{symbol}", partial(bars_of_one, self.vendor.market)),
                web.get("/actions", partial(actions_of_all, self.vendor.market)),
                web.get("/behaviours", self._list_behaviours),
                web.get("/stats", self._stats),
            ]
        )
        return application

    async def _change(self, path: str, request: web.Request) -> web.Response:
        body = await _body_of(request)
        # Up to now the other user has spent by the old rules and clock.
        self.vendor.account.other.catch_up()
        reply = _BY_PATH[path](self.vendor, body)
        return web.json_response({"version": self.vendor.market.version, **reply})

    async def _explain(self, _: web.Request) -> web.Response:
        """The possible changes, the cost of requests, the plans and the choices."""
        return web.json_response(
            {
                "changes": {
                    f"POST {path}": inspect.getdoc(change) for path, change in _BY_PATH.items()
                },
                "costs": costs(),
                "plans": {name: {"daily": p.day, "extra": p.extra} for name, p in PLANS.items()},
                "choices": POSSIBLE,
            }
        )

    async def _list_behaviours(self, _: web.Request) -> web.Response:
        """Every behaviour, with the symbols with which the vendor is late or wrong so."""
        concerned = {
            name: {"meaning": meaning, "symbols": self.vendor.market.concerned(name)}
            for name, meaning in MEANINGS.items()
        }
        return web.json_response(concerned)

    async def _warm(self, _: web.Request) -> web.Response:
        """Render every history now; other requests are served in between."""
        started, rows, found = time.monotonic(), 0, 0
        for symbol in self.vendor.market.symbols():
            rendered = self.vendor.bodies.whole(symbol)
            if rendered is not None:
                found, rows = found + 1, rows + len(rendered.date)
            await asyncio.sleep(0)
        return web.json_response(
            {
                "symbols": found,
                "rows": rows,
                "kept": len(self.vendor.bodies),
                "bytes": self.vendor.bodies.bytes,
                "seconds": round(time.monotonic() - started, 3),
            }
        )

    async def _add_fault(self, request: web.Request) -> web.Response:
        self.faults.add(await _body_of(request))
        return await self._list_faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self.faults.clear()
        return await self._list_faults(request)

    async def _list_faults(self, _: web.Request) -> web.Response:
        faults = [{key: getattr(each, key) for key in _FAULT_KEYS} for each in self.faults.all()]
        return web.json_response(faults)

    async def _log(self, request: web.Request) -> web.Response:
        """The requests so far, with `since=n` without the first n."""
        return web.json_response(self.log.entries[int(request.query.get("since", 0)) :])

    async def _stats(self, _: web.Request) -> web.Response:
        market, entries = self.vendor.market, self.log.entries
        self.vendor.account.other.catch_up()
        return web.json_response(
            {
                "now": market.clock.now().isoformat(),
                "version": market.version,
                "requests": len(entries),
                "calls": sum(entry["cost"] for entry in entries),
                "rows": sum(entry["rows"] or 0 for entry in entries),
                "other_spender": other_spender(self.vendor),
                "symbols": sum(1 for _ in market.symbols()),
                "published_through": {
                    code: str(market.published_through(code)) for code in market.exchanges
                },
                "rendered": len(self.vendor.bodies),
                "rendered_bytes": self.vendor.bodies.bytes,
            }
        )


@web.middleware
async def _local(request: web.Request, handler: Handler) -> web.StreamResponse:
    headers = request.headers
    if not LOCAL_HOST.fullmatch(headers.get("Host", "")):
        return _refused(403, "Host must be 127.0.0.1, localhost or [::1]")
    # Browsers send these, and tools do not; a person who types the address sends "none".
    if "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none":
        return _refused(403, "a web page cannot use the controls")
    if "Content-Type" in headers and request.content_type not in BODY_TYPES:
        return _refused(415, "Content-Type must be application/json")
    return await handler(request)


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ValueError, TypeError, KeyError) as error:
        return _refused(400, f"{type(error).__name__}: {error}")


def _refused(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)


async def _body_of(request: web.Request) -> Body:
    body = json.loads(await request.text() or "{}")
    if not isinstance(body, dict):
        raise NotUnderstood("a JSON object is needed")
    return body
