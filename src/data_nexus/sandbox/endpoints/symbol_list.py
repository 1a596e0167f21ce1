"""The endpoint `exchange-symbol-list`: the symbols of an exchange."""

from __future__ import annotations

from data_nexus.sandbox.answers.render import CSV, JSON, document, table
from data_nexus.sandbox.answers.wire import Answer, Served
from data_nexus.sandbox.market.tape import Listing
from data_nexus.sandbox.vendor import NO_EXCHANGE, Vendor
from data_nexus.sandbox.vendor_request import VendorRequest

KEYS = ("Code", "Name", "Country", "Exchange", "Currency", "Type", "Isin")
# The types that the parameter `type` selects (vendor documentation).
TYPES = {
    "common_stock": {"Common Stock"},
    "preferred_stock": {"Preferred Stock"},
    "stock": {"Common Stock", "Preferred Stock"},
    "etf": {"ETF"},
    "fund": {"FUND", "Mutual Fund"},
}


def exchange_symbol_list(vendor: Vendor, request: VendorRequest) -> Answer:
    """The listed symbols, or with `delisted=1` only the delisted ones (recordings)."""
    exchange = request.subject.upper()
    if not vendor.market.holds(exchange):
        return NO_EXCHANGE
    types = TYPES.get(request.query.get("type", ""))
    delisted = request.query.get("delisted") == "1"
    found = vendor.market.listings(exchange, delisted=delisted)
    served = found[: round(len(found) * vendor.market.listed_share(exchange))]
    rows = [_row(each) for each in served if types is None or each.type in types]
    if request.format("csv") == "json":
        content = [dict(zip(KEYS, row, strict=True)) for row in rows]
        return Answer.of(document(content, escaped=False), JSON, served=Served(len(rows)))
    return Answer.of(table(KEYS, rows), CSV, served=Served(len(rows)))


def _row(listing: Listing) -> tuple[str | None, ...]:
    return (
        listing.code,
        listing.name,
        listing.country,
        listing.venue,
        listing.currency,
        listing.type,
        listing.isin,
    )
