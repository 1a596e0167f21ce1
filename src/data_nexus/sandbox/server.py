"""Owns the REST listener: who may ask, what it costs, which fault strikes, what is logged."""

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
from data_nexus.sandbox.vendor_request import Asked


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
        account, choices = self.vendor.account_of(asked), self.vendor.choices
        account.other.catch_up()
        refusal = self._refusal(asked, account)
        fault = None if refusal else self.faults.strike(asked)
        answer = refusal or answer_to(self.vendor, fault.asked(asked) if fault else asked)
        if fault:
            answer = fault.answer(answer, asked)
        cost = _cost(asked, answer, fault, choices)
        account.limits.charge(cost)
        if answer.status != UNAUTHENTICATED.status:
            answer = answer.with_headers(_rate_headers(account.limits))
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

    def _refusal(self, asked: Asked, account: Account) -> Answer | None:
        """Why the request is not answered at all; a refusal costs nothing."""
        choices, limits = self.vendor.choices, account.limits
        if asked.token not in (self.token, DEMO_TOKEN):
            return UNAUTHENTICATED
        if not limits.take_requests():
            return too_many(choices, limits.retry_after_sec, time.time())
        refused = account.plan.refuse(asked, choices)
        calls = price(asked, choices)
        if refused is None and calls and limits.left() < calls:
            return QUOTA_USED
        return refused


def _rate_headers(limits: Limits) -> tuple[tuple[str, str], ...]:
    return (
        ("X-RateLimit-Limit", str(limits.minute)),
        ("X-RateLimit-Remaining", str(limits.remaining)),
    )


def _cost(asked: Asked, answer: Answer, fault: Fault | None, choices: Choices) -> int:
    """What is charged: for an unknown name if that was chosen, for any other error nothing."""
    told = fault.parameters.get("cost") if fault else None
    if told is not None:
        return int(told)
    is_unknown = answer.status == HTTPStatus.NOT_FOUND or answer.sha256 == NO_TICKER.sha256
    is_charged = bool(choices.unknown_calls) if is_unknown else answer.status == HTTPStatus.OK
    return price(asked, choices) if is_charged else 0
