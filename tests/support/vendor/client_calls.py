"""What the vendor's own client receives: `client_calls.py API TOKEN`, one JSON object printed.

It runs in the environment of the package `eodhd`, and imports nothing of this project.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import requests

API, TOKEN = sys.argv[1:]
_HOME = "https://eodhd.com/api"
_get = requests.get


def _redirected(url: str, **options: Any) -> requests.Response:  # noqa: ANN401
    """Send a request of the client to the given API, with the rest of its URL as it is."""
    assert url.startswith(_HOME)
    return _get(API + url.removeprefix(_HOME), timeout=60, **options)


# The client has the address of the vendor written into its code, and takes `get` when imported.
requests.get = _redirected  # type: ignore[assignment]
from eodhd import APIClient  # noqa: E402

client = APIClient(TOKEN)
bars = client.get_historical_data("AAPL.US", "d", "2026-11-16", "2026-11-18")
found = {
    "frame": {
        "dates": [str(day.date()) for day in bars.index],
        "close": [float(value) for value in bars["close"]],
    },
    "eod": client.get_eod_historical_stock_market_data(
        "AAPL.US", from_date="2026-11-16", to_date="2026-11-18", order="d"
    ),
    "weekly": client.get_eod_historical_stock_market_data("AAPL.US", period="w"),
    "bulk": client.get_eod_splits_dividends_data(
        "US", type="", date="2026-11-18", symbols="", filter=""
    ),
    "bulk of some": client.get_eod_splits_dividends_data("US", symbols="AAPL,MSFT"),
    "bulk splits": client.get_eod_splits_dividends_data("US", type="splits", date="2026-11-18"),
    "splits": client.get_historical_splits_data("AAPL.US", date_from="2026-11-01"),
    "dividends": client.get_historical_dividends_data("AAPL.US", date_from="2026-11-01"),
    "calendar": client.get_upcoming_splits_data("2026-11-01", "2026-11-30"),
    "exchanges": client.get_list_of_exchanges(),
    "tickers": client.get_list_of_tickers("US", delisted=0),
    "delisted": client.get_list_of_tickers("US", delisted=1),
    "details": client.get_details_trading_hours_stock_market_holidays("US"),
    "renames": client.symbol_change_history(),
}
print(json.dumps(found))  # noqa: T201
