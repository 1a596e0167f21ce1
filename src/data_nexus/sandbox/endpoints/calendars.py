"""The endpoint `calendar/splits`: the splits of a range of days, of all exchanges."""

from __future__ import annotations

from datetime import date, timedelta

from data_nexus.sandbox.answers.render import JSON, document, number
from data_nexus.sandbox.answers.wire import Answer, Served
from data_nexus.sandbox.market.tape import Split
from data_nexus.sandbox.vendor import Vendor
from data_nexus.sandbox.vendor_request import VendorRequest

# The calendar begins here; without a range it shows the week to come (vendor documentation).
BEGINS = date(2015, 1, 1)
A_WEEK = timedelta(7)


def calendar_splits(vendor: Vendor, request: VendorRequest) -> Answer:
    """The splits known by now of `from` to `to`, both included, or of `symbols` at any time.

    The vendor also lists splits to come; here none is known before its day. No CSV is documented.
    """
    names = {name for name in request.query.get("symbols", "").split(",") if name}
    today = vendor.market.clock.today()
    first = request.date("from") or today
    last = request.date("to") or today + A_WEEK
    span = (BEGINS, today) if names else (max(first, BEGINS), last)
    rows = [
        _row(symbol, split)
        for symbol, split in vendor.actions.splits_between(*span)
        if not names or symbol in names
    ]
    content = {
        "type": "Splits",
        "description": "Historical and upcoming splits",
        **({"symbols": ",".join(sorted(names))} if names else {}),
        **({} if names else {"from": str(first), "to": str(last)}),
        "splits": rows,
    }
    return Answer.of(document(content), JSON, served=Served(len(rows)))


def _row(symbol: str, split: Split) -> dict[str, object]:
    """A split with the documented keys; whether options exist is not known here."""
    return {
        "code": symbol,
        "split_date": str(split.date),
        "optionable": "N",
        "old_shares": number(split.old),
        "new_shares": number(split.new),
    }
