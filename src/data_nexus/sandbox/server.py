"""Answer REST requests: check the key and the limits, apply faults, charge, log."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from data_nexus.sandbox.account.limits import Limits
from data_nexus.sandbox.account.plans import DEMO_TOKEN
from data_nexus.sandbox.answers.refusals import QUOTA_USED, UNAUTHENTICATED, too_many
from data_nexus.sandbox.answers.wire import Answer, Sent, Wire, framed
from data_nexus.sandbox.endpoints.table import answer_to, price
from data_nexus.sandbox.faults.faults import Fault, Faults
from data_nexus.sandbox.request_log import RequestLog
from data_nexus.sandbox.variants import Choices
from data_nexus.sandbox.vendor import NO_TICKER, Account, Vendor
from data_nexus.sandbox.vendor_request import VendorRequest


@dataclass(slots=True)
class RestServer:
    """The vendor's REST API as one coroutine, `respond`."""

    vendor: Vendor
    faults: Faults
    log: RequestLog
    token: str
    latency_sec: float = 0.0

    async def respond(self, http_request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        arrived, monotonic = time.time(), time.monotonic()
        request = VendorRequest.of(http_request.rel_url, http_request.headers)
        wire, facts = self._settle(request, http_request.method)
        moment = self.vendor.market.clock.now().isoformat()
        self.log.add({"t": arrived, "monotonic": monotonic, "moment": moment, **facts})
        if self.latency_sec:
            await asyncio.sleep(self.latency_sec)
        return Sent(wire)

    def _settle(self, request: VendorRequest, method: str) -> tuple[Wire, dict[str, object]]:
        account, choices = self.vendor.account_of(request), self.vendor.choices
        account.other.catch_up()
        refusal = self._refusal(request, account)
        fault = None if refusal else self.faults.strike(request)
        answer = refusal or answer_to(self.vendor, fault.mistaken(request) if fault else request)
        if fault:
            answer = fault.answer(answer, request)
        cost = _cost(request, answer, fault, choices)
        account.limits.charge(cost)
        if answer.status != UNAUTHENTICATED.status:
            answer = answer.with_headers(_rate_headers(account.limits))
        wire = fault.wire(answer, request) if fault else framed(answer, gzip=request.gzip)
        return wire, {
            "method": method,
            "path": request.path,
            "query": dict(request.query),
            "endpoint": request.endpoint,
            "symbol": request.subject,
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

    def _refusal(self, request: VendorRequest, account: Account) -> Answer | None:
        """The refusal of the request, if it is refused; a refusal costs nothing."""
        choices, limits = self.vendor.choices, account.limits
        if request.token not in (self.token, DEMO_TOKEN):
            return UNAUTHENTICATED
        if not limits.take_requests():
            return too_many(choices, limits.retry_after_sec, time.time())
        refused = account.plan.refuse(request, choices)
        calls = price(request, choices)
        if refused is None and calls and limits.left() < calls:
            return QUOTA_USED
        return refused


def _rate_headers(limits: Limits) -> tuple[tuple[str, str], ...]:
    return (
        ("X-RateLimit-Limit", str(limits.minute)),
        ("X-RateLimit-Remaining", str(limits.remaining)),
    )


def _cost(request: VendorRequest, answer: Answer, fault: Fault | None, choices: Choices) -> int:
    """The calls charged: for an unknown symbol if so chosen, for any other error none."""
    stated = fault.parameters.get("cost") if fault else None
    if stated is not None:
        return int(stated)
    is_unknown = answer.status == HTTPStatus.NOT_FOUND or answer.sha256 == NO_TICKER.sha256
    is_charged = bool(choices.unknown_calls) if is_unknown else answer.status == HTTPStatus.OK
    return price(request, choices) if is_charged else 0
