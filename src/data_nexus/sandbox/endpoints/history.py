"""The endpoint `eod`: the daily, weekly and monthly bars of one symbol."""

from __future__ import annotations

import json
from datetime import date

import numpy as np

from data_nexus.sandbox.account.plans import with_warning
from data_nexus.sandbox.answers.render import HTML, JSON, bars_csv, bars_json, document, number
from data_nexus.sandbox.answers.wire import Answer, Served
from data_nexus.sandbox.market.tape import Bars
from data_nexus.sandbox.variants import WarningPlace
from data_nexus.sandbox.vendor import Vendor
from data_nexus.sandbox.vendor_request import Invalid, VendorRequest

PERIODS = {"d": "", "w": "datetime64[W]", "m": "datetime64[M]"}
LAST = {f"last_{name}": name for name in ("date", "open", "high", "low", "close", "volume")}


def eod(vendor: Vendor, request: VendorRequest) -> Answer:
    """Bars of `/eod/{SYMBOL}`; `from` and `to` are included. A range without bars is empty."""
    symbol = symbol_in(request)
    period = request.query.get("period") or "d"
    if period not in PERIODS:
        raise Invalid("period", "The selected period is invalid.")
    plan, last = vendor.account_of(request).plan, request.date("to")
    first = plan.first_day(vendor.market.clock.today(), request.date("from"))
    answer = _bars(vendor, request, symbol, period, (first, last))
    return _warned(answer, vendor.choices.warning) if plan.one_year else answer


def _bars(
    vendor: Vendor,
    request: VendorRequest,
    symbol: str,
    period: str,
    span: tuple[date | None, date | None],
) -> Answer:
    plain = period == "d" and request.query.get("order", "a") != "d"
    if plain and request.format("csv") == "json" and request.query.get("filter") not in LAST:
        rendered = vendor.bodies.window(symbol, *span)
        return vendor.no_ticker() if rendered is None else Answer.kept(rendered, JSON)
    history = vendor.market.history(symbol)
    if history is None:
        return vendor.no_ticker()
    bars = in_periods(history.sent.between(*span), period)
    return _shown(bars, request)


def _warned(answer: Answer, where: WarningPlace) -> Answer:
    """A JSON history with the free plan's warning; for CSV and bare values none is reported."""
    rows = json.loads(answer.body) if answer.content_type == JSON and answer.size else None
    if not isinstance(rows, list):
        return answer
    served = Served(0) if where == "only" else answer.served
    return Answer.of(document(with_warning(rows, where)), JSON, served=served)


def symbol_in(request: VendorRequest) -> str:
    """The symbol in the path, of US if it names no exchange; more than one dot is an error."""
    symbol = request.subject
    if symbol.count(".") > 1:
        raise Invalid("symbol", "The symbol format is invalid.")
    return symbol if "." in symbol else f"{symbol}.US"


def in_periods(bars: Bars, period: str) -> Bars:
    """Bars aggregated by week or month, each dated by its first session."""
    if period == "d" or not len(bars):
        return bars
    unit = bars.date.astype(PERIODS[period])
    # NumPy's weeks begin on Thursday, the weekday of 1970-01-01; trading weeks on Monday.
    if period == "w":
        unit = (bars.date + 3).astype(PERIODS[period])
    starts = np.flatnonzero(np.append(True, unit[1:] != unit[:-1]))
    ends = np.append(starts[1:], len(bars)) - 1
    return Bars(
        date=bars.date[starts],
        open=bars.open[starts],
        high=np.maximum.reduceat(bars.high, starts),
        low=np.minimum.reduceat(bars.low, starts),
        close=bars.close[ends],
        adjusted_close=bars.adjusted_close[ends],
        volume=np.add.reduceat(bars.volume, starts),
    )


def _shown(bars: Bars, request: VendorRequest) -> Answer:
    wanted = LAST.get(request.query.get("filter", ""))
    served = Served.on(bars.date)
    if wanted:
        return Answer.of(_last(bars, wanted), JSON, served=served)
    if request.query.get("order") == "d":
        bars = bars.take(slice(None, None, -1))
    if request.format("csv") == "json":
        return Answer.of(bars_json(bars), JSON, served=served)
    return Answer.of(bars_csv(bars), HTML, served=served)


def _last(bars: Bars, name: str) -> bytes:
    """The bare value that a `filter=last_...` answers."""
    if not len(bars):
        return b""
    value = getattr(bars, name)[-1]
    return document(str(value) if name == "date" else number(float(value)))
