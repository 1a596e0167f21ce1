"""Owns whom a reader of a snapshot means: symbols become assets, a day becomes a universe. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_nexus.database.reader.universe import AssetState
from data_nexus.domain.symbol import Symbol, parse_symbol
from data_nexus.errors import UsageError, no_assets
from data_nexus.research.universe import UNIVERSE_SCHEMA

_STATE = ("asset_id", "exchange", "venue", "asset_type", "synced_through")


def current_rows(assets: pa.Table) -> dict[str, int]:
    """Return the row of each asset that bears its symbol today, by ticker."""
    current = assets["retired_at"].is_null().to_numpy().nonzero()[0]
    return dict(zip(assets["ticker"].take(pa.array(current)).to_pylist(), current, strict=True))


def assets_named(
    assets: pa.Table, rows: Mapping[str, int], wanted: str | Sequence[str] | pa.Table
) -> pa.Table:
    """Return the wanted rows of a snapshot's assets, by ticker, each once.

    `wanted` are symbols, or a universe, whose assets keep the symbols that it gives them; `rows`
    are the `current_rows`. Raises `UsageError` for a symbol that no asset bears, with near names.
    """
    if isinstance(wanted, pa.Table):
        return _of_universe(assets, wanted)
    texts = [wanted] if isinstance(wanted, str) else wanted
    tickers = sorted({str(parse_symbol(text)) for text in texts})
    for ticker in tickers:
        if ticker not in rows:
            raise UsageError(_unknown(parse_symbol(ticker), rows))
    return assets.take(pa.array([rows[ticker] for ticker in tickers], pa.int64()))


def _of_universe(assets: pa.Table, universe: pa.Table) -> pa.Table:
    if not {"asset_id", "symbol"} <= set(universe.column_names):
        raise UsageError("a universe has the columns asset_id and symbol; use lake.universe(…)")
    at = pc.index_in(universe["asset_id"], assets["asset_id"])
    if at.null_count:
        raise UsageError("the universe holds assets that are not in this snapshot; ask it for one")
    members = assets.take(at)
    position = members.schema.get_field_index("ticker")
    named = members.set_column(position, "ticker", universe["symbol"].combine_chunks())
    return named.sort_by([("ticker", "ascending"), ("asset_id", "ascending")])


def states_of(assets: pa.Table) -> list[tuple[str, AssetState]]:
    """Return where assets are listed and how far they are read, with their tickers."""
    return [
        (
            each["ticker"],
            AssetState(
                **{name: each[name] for name in _STATE},
                is_listed=not each["is_delisted"] and each["retired_at"] is None,
            ),
        )
        for each in assets.to_pylist()
    ]


def day_of(text: str, moment: datetime) -> date:
    """Return the day of `US@2019-06-28`; without one, that of the snapshot."""
    try:
        return date.fromisoformat(text) if text else moment.date()
    except ValueError:
        raise UsageError(f"{text!r} is no date; write it like US@2019-06-28") from None


def _unknown(symbol: Symbol, tickers: Iterable[str]) -> str:
    split = (ticker.rpartition(".") for ticker in tickers)
    there = [code for code, _, exchange in split if exchange == symbol.exchange]
    near = difflib.get_close_matches(symbol.code, there, n=3)
    hint = f"; did you mean {', '.join(f'{c}.{symbol.exchange}' for c in near)}?" if near else ""
    return f"{symbol} is not in the snapshot{hint}"


def universe_of(
    assets: pa.Table, listings: pa.Table, discoveries: pa.Table, exchange: str, day: date
) -> pa.Table:
    """Return who was listed on an exchange on a day, as `read_universe` does from the database."""
    own = assets.filter(pc.equal(assets["exchange"], exchange))
    if not len(own):
        raise no_assets(exchange)
    day_end = datetime.combine(day + timedelta(1), time(), UTC)
    open_then = pc.or_kleene(
        listings["until_moment"].is_null(),
        pc.greater_equal(listings["until_moment"], pa.scalar(day_end)),
    )
    begun = pc.less(listings["from_moment"], pa.scalar(day_end))
    here = pc.equal(listings["exchange"], exchange)
    there_then = listings.filter(pc.and_(here, pc.and_(begun, open_then)))
    rows = [_listed(each) for each in there_then.to_pylist()]
    known_types = _reach(discoveries, exchange, day_end)
    if known_types is not None:
        alive = own.filter(
            pc.and_(
                pc.less_equal(own["first_bar"], pa.scalar(day)),
                pc.greater_equal(own["last_bar"], pa.scalar(day)),
            )
        ).to_pylist()
        codes = _first_codes(listings)
        rows += [
            _alive(each, codes.get(each["asset_id"], each["symbol"]))
            for each in alive
            if each["asset_type"] not in known_types
        ]
    rows.sort(key=lambda row: (row["symbol"], row["asset_id"]))
    return pa.Table.from_pylist(rows, schema=UNIVERSE_SCHEMA)


def _reach(discoveries: pa.Table, exchange: str, day_end: datetime) -> set[str] | None:
    """Return the asset types of which discoveries tell by then; None if they tell of all."""
    lists = [
        each
        for each in discoveries.to_pylist()
        if each["exchange"] == exchange and not each["is_delisted"] and each["moment"] < day_end
    ]
    if any(not each["types"] for each in lists):
        return None
    return {kind for each in lists for kind in each["types"]}


def _first_codes(listings: pa.Table) -> dict[int, str]:
    """Return the code under which each asset was listed first."""
    codes: dict[int, str] = {}
    both = zip(listings["asset_id"].to_pylist(), listings["symbol"].to_pylist(), strict=True)
    for asset_id, code in both:
        codes.setdefault(asset_id, code)
    return codes


def _listed(listing: dict[str, Any]) -> dict[str, Any]:
    until = listing["until_moment"]
    return {
        **{name: listing[name] for name in ("asset_id", "name", "venue", "asset_type", "isin")},
        "symbol": f"{listing['symbol']}.{listing['exchange']}",
        "basis": "listed",
        "since": listing["from_moment"].date(),
        "until": until and until.date(),
    }


def _alive(asset: dict[str, Any], code: str) -> dict[str, Any]:
    return {
        **{name: asset[name] for name in ("asset_id", "name", "venue", "asset_type", "isin")},
        "symbol": f"{code}.{asset['exchange']}",
        "basis": "first and last bar",
        "since": asset["first_bar"],
        "until": asset["last_bar"],
    }
