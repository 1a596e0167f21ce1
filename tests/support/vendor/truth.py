"""The comparison of a database with what the vendor serves, in SQL, without the engine."""

from __future__ import annotations

import io
from typing import Any

import psycopg
import pyarrow as pa
from pyarrow import csv

from tests.support.vendor.sandbox import Sandbox

COLUMNS = ("open", "high", "low", "close", "adjusted_close", "volume")
_STORED = """
    SELECT a.symbol || '.' || a.exchange, m.date, m.open, m.high, m.low, m.close,
           m.adjusted_close, m.volume
    FROM market_data m JOIN assets a ON a.id = m.asset_id"""


def codes(vendor: Sandbox, exchange: str = "US") -> list[str]:
    """The codes of the exchange's living symbols, in the order in which discovery adds them."""
    listed = vendor.ask(f"/exchange-symbol-list/{exchange}", fmt="json").json()
    return sorted(row["Code"] for row in listed)


def truth(vendor: Sandbox, *, final: bool = False) -> pa.Table:
    """Every bar that the vendor serves now: symbol, date and the six numbers.

    `final`: every bar of the days published so far, as it will be once nothing is late any more.
    """
    stream = vendor.get("/truth?final=1" if final else "/truth")
    return pa.ipc.open_stream(io.BytesIO(stream)).read_all()


def now_and_final(vendor: Sandbox) -> pa.Table:
    """By symbol and date the six numbers that are served now, and the final ones as `final_close`.

    The first are null where the bar is late, the others where it will be withdrawn or its session
    is not published.
    """
    final = truth(vendor, final=True)
    names = ["symbol", "date", *(f"final_{name}" for name in COLUMNS)]
    keys = ["symbol", "date"]
    joined = truth(vendor).join(final.rename_columns(names), keys, join_type="full outer")
    return joined.sort_by([(key, "ascending") for key in keys])


def listed_actions(vendor: Sandbox, *, final: bool = False) -> list[dict[str, Any]]:
    """Every split and dividend that the vendor lists now, or finally."""
    return list(vendor.get("/actions?final=1" if final else "/actions"))


def differences(url: str, bars: pa.Table) -> dict[str, int]:
    """Count the bars that are missing from the database and those that are there without cause.

    A bar with another value counts as both; doubles count too.
    """
    text = io.BytesIO()
    csv.write_csv(bars.select(["symbol", "date", *COLUMNS]), text)
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE truth (symbol text, date date, open float8, high float8,"
            " low float8, close float8, adjusted_close float8, volume float8)"
        )
        with connection.cursor().copy("COPY truth FROM STDIN (FORMAT csv, HEADER)") as copy:
            copy.write(text.getvalue())
        counts = connection.execute(  # the query holds nothing but our own words
            f"SELECT (SELECT count(*) FROM (TABLE truth EXCEPT ALL {_STORED}) AS lost),"  # noqa: S608
            f" (SELECT count(*) FROM ({_STORED} EXCEPT ALL TABLE truth) AS invented),"
            " (SELECT count(*) FROM truth)"
        ).fetchone()
    assert counts
    return {"lost": counts[0], "invented": counts[1], "served": counts[2]}


def with_actions(vendor: Sandbox, *days: str) -> set[str]:
    """The codes that the vendor's feeds name on these days."""
    told = [
        vendor.ask("/eod-bulk-last-day/US", fmt="json", date=day, type=kind).json()
        for day in days
        for kind in ("splits", "dividends")
    ]
    return {row["code"] for feed in told for row in feed}
