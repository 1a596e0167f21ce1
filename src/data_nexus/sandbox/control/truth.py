"""Show the truth through the control port: what is served now, and with `final=1` what is final.

Final is what the vendor will serve of the days published so far once nothing is late any more.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from aiohttp import web

from data_nexus.sandbox.control.market_changes import NotUnderstood
from data_nexus.sandbox.market.as_served import History
from data_nexus.sandbox.market.market import Market
from data_nexus.sandbox.market.tape import FIELDS, Bars

ARROW = "application/vnd.apache.arrow.stream"
SCHEMA = pa.schema(
    [("symbol", pa.string()), ("date", pa.date32()), *((name, pa.float64()) for name in FIELDS)]
)


async def bars_of_one(market: Market, request: web.Request) -> web.Response:
    """A symbol's bars as columns, each date once."""
    symbol = request.match_info["symbol"]
    history = market.history(symbol, final=_is_final(request))
    if history is None:
        raise NotUnderstood(f"no history of {symbol!r} in this market")
    columns = _arrow(symbol, history.bars).drop_columns("symbol").to_pydict()
    columns["date"] = [str(day) for day in columns["date"]]
    return web.json_response(columns)


async def bars_of_all(market: Market, request: web.Request) -> web.StreamResponse:
    """Every bar as an Arrow IPC stream, a batch a symbol, each date once."""
    response = web.StreamResponse(headers={"Content-Type": ARROW})
    await response.prepare(request)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, SCHEMA) as writer:
        for symbol, history in _histories(market, request):
            if len(history.bars):
                writer.write_batch(_arrow(symbol, history.bars))
                await response.write(_emptied(sink))
    await response.write(_emptied(sink))
    await response.write_eof()
    return response


async def actions_of_all(market: Market, request: web.Request) -> web.Response:
    """Every split and dividend that the vendor lists: symbol, kind, date, and its values."""
    rows: list[dict[str, object]] = []
    for symbol, history in _histories(market, request):
        rows += [
            {
                "symbol": symbol,
                "kind": split.kind,
                "date": str(split.date),
                "new": split.new,
                "old": split.old,
            }
            for split in history.splits
        ]
        rows += [
            {
                "symbol": symbol,
                "kind": paid.kind,
                "date": str(paid.date),
                "unadjusted": paid.unadjusted,
                "value": value,
                "currency": paid.currency,
            }
            for paid, value in history.dividends
        ]
    return web.json_response(rows)


def _histories(market: Market, request: web.Request) -> Iterator[tuple[str, History]]:
    for symbol in market.symbols():
        history = market.history(symbol, final=_is_final(request))
        if history is not None:
            yield symbol, history


def _is_final(request: web.Request) -> bool:
    return request.query.get("final") == "1"


def _arrow(symbol: str, bars: Bars) -> pa.RecordBatch:
    columns = [
        pa.array(np.full(len(bars), symbol, dtype=object), pa.string()),
        pa.array(bars.date, pa.date32()),
        *(pa.array(getattr(bars, name), from_pandas=True) for name in FIELDS),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def _emptied(sink: io.BytesIO) -> bytes:
    content = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return content
