"""Owns the REST listener: who may ask, what it costs, which fault strikes, what is logged."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from aiohttp import web

from data_nexus.sandbox.asked import Asked
from data_nexus.sandbox.endpoints import answer_to, price
from data_nexus.sandbox.faults import Fault, Faults
from data_nexus.sandbox.render import JSON, document
from data_nexus.sandbox.request_log import RequestLog
from data_nexus.sandbox.vendor import Vendor
from data_nexus.sandbox.wire import Answer, Sent, Wire, framed

DEMO_TOKEN = "demo"  # noqa: S105 - the vendor's public key
# The set of the vendor's EOD page of 2026 and the one of its other documents, joined.
DEMO_SYMBOLS = frozenset(
    {"AAPL.US", "AMZN.US", "MSFT.US", "SWPPX.US", "TSLA.US", "VTI.US"}
    | {"BTC-USD.CC", "EURUSD.FOREX"}
)
CHARGED = frozenset({200, 404})
FREE_OF_SUBJECT = frozenset({"user", "internal-user", "exchanges-list"})

UNAUTHENTICATED = Answer.of(b"Unauthenticated", status=401)
FORBIDDEN = Answer.of(b"Forbidden. Please contact support@eodhistoricaldata.com", status=403)
QUOTA_USED = Answer.of(
    b"You exceeded your daily API requests limit.  Please contact support@eodhistoricaldata.com",
    status=402,
)
# No 429 was ever recorded: the body is the vendor documentation's, the header its OpenAPI's.
TOO_MANY = Answer.of(document({"error": "API rate limit exceeded"}), JSON, 429)


@dataclass(slots=True)
class RestServer:
    """The vendor's REST API as one coroutine, `respond`."""

    vendor: Vendor
    faults: Faults
    log: RequestLog
    token: str
    latency_sec: float = 0.0

    async def respond(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        arrived, monotonic = time.time(), time.monotonic()
        asked = Asked.of(request.rel_url, request.headers)
        wire, facts = self._settle(asked, request.method)
        moment = self.vendor.market.clock.now().isoformat()
        self.log.add({"t": arrived, "monotonic": monotonic, "moment": moment, **facts})
        if self.latency_sec:
            await asyncio.sleep(self.latency_sec)
        return Sent(wire)

    def _settle(self, asked: Asked, method: str) -> tuple[Wire, dict[str, object]]:
        refusal = self._refusal(asked)
        fault = None if refusal else self.faults.strike(asked)
        answer = refusal or answer_to(self.vendor, fault.asked(asked) if fault else asked)
        if fault:
            answer = fault.answer(answer, asked)
        cost = _cost(asked, answer, fault)
        self.vendor.limits.charge(cost)
        if answer.status != UNAUTHENTICATED.status:
            answer = answer.with_headers(self._rate_headers())
        wire = fault.wire(answer, asked) if fault else framed(answer, gzip=asked.gzip)
        return wire, {
            "method": method,
            "path": asked.path,
            "query": dict(asked.query),
            "endpoint": asked.endpoint,
            "symbol": asked.subject,
            "status": answer.status,
            "cost": cost,
            "rows": answer.served.rows,
            "first": answer.served.first,
            "last": answer.served.last,
            "sha256": answer.sha256,
            "bytes": answer.size,
            "fault": fault.kind if fault else None,
            "version": self.vendor.market.version,
        }

    def _refusal(self, asked: Asked) -> Answer | None:
        """Why the request is not answered at all; a refusal costs nothing."""
        if asked.token not in (self.token, DEMO_TOKEN):
            return UNAUTHENTICATED
        if not self.vendor.limits.take_request():
            wait = str(self.vendor.limits.retry_after_sec)
            return TOO_MANY.with_headers((("Retry-After", wait),))
        if asked.token == DEMO_TOKEN and not _is_for_demo(asked):
            return FORBIDDEN
        return None if self.vendor.limits.affords(price(asked)) else QUOTA_USED

    def _rate_headers(self) -> tuple[tuple[str, str], ...]:
        return (
            ("X-RateLimit-Limit", str(self.vendor.limits.minute)),
            ("X-RateLimit-Remaining", str(self.vendor.limits.remaining)),
        )


def _is_for_demo(asked: Asked) -> bool:
    return asked.endpoint in FREE_OF_SUBJECT or asked.subject in DEMO_SYMBOLS


def _cost(asked: Asked, answer: Answer, fault: Fault | None) -> int:
    """The vendor's documents: an unknown symbol costs its call, any other error nothing."""
    told = fault.parameters.get("cost") if fault else None
    if told is not None:
        return int(told)
    return price(asked) if answer.status in CHARGED else 0
