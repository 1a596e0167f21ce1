"""Select the assets of a snapshot: by symbols, or by the universe of a day. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_nexus.database.reader.universe import AssetState
from data_nexus.domain.listings.unknown_symbol import unknown_symbol
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import no_assets
from data_nexus.research.selection import (
    Selection,
    members_of,
    symbols_of,
    unknown_member,
)
from data_nexus.research.universe import UNIVERSE_SCHEMA

_STATE = ("asset_id", "exchange", "venue", "asset_type", "synced_through")


def current_rows(assets: pa.Table) -> dict[str, int]:
    """Return the row of each current asset, by ticker."""
    current = assets["retired_at"].is_null().to_numpy().nonzero()[0]
    return dict(zip(assets["ticker"].take(pa.array(current)).to_pylist(), current, strict=True))


def assets_of(assets: pa.Table, rows: Mapping[str, int], selection: Selection) -> pa.Table:
    """Return the selected rows of a snapshot's assets, by ticker, each once.

    A universe's assets keep the symbols that it gives them; `rows` are the `current_rows`. Raises
    `UsageError` for an unknown symbol, with near names, and for a table that is not a universe.
    """
    if isinstance(selection, pa.Table):
        return _of_universe(assets, members_of(selection))
    tickers = {_ticker(rows, symbol) for symbol in symbols_of(selection)}
    chosen = [rows[ticker] for ticker in sorted(tickers)]
    return assets.take(pa.array(chosen, pa.int64()))


def _ticker(rows: Mapping[str, int], symbol: Symbol) -> str:
    """Return the ticker of a symbol as a person wrote it: as it is, or else in capitals."""
    for ticker in (str(symbol), str(symbol).upper()):
        if ticker in rows:
            return ticker
    raise unknown_symbol(symbol, _codes(rows, symbol.exchange), "snapshot")


def _codes(tickers: Iterable[str], exchange: str) -> list[str]:
    split = (ticker.rpartition(".") for ticker in tickers)
    return [code for code, _, of in split if of == exchange]


def _of_universe(assets: pa.Table, members: Mapping[int, str]) -> pa.Table:
    at = pc.index_in(pa.array([*members], pa.int32()), assets["asset_id"])
    if at.null_count:
        raise unknown_member(min(members.keys() - {*assets["asset_id"].to_pylist()}), "snapshot")
    chosen = assets.take(at)
    position = chosen.schema.get_field_index("ticker")
    named = chosen.set_column(position, "ticker", pa.array([*members.values()], pa.string()))
    return named.sort_by([("ticker", "ascending"), ("asset_id", "ascending")])


def states_of(assets: pa.Table) -> list[tuple[str, AssetState]]:
    """Return where assets are listed and how far they are read, with their tickers."""
    return [
        (
            each["ticker"],
            AssetState(
                **{name: each[name] for name in _STATE},
                # A snapshot does not say which of its bars were provisional.
                settled_through=each["synced_through"],
                is_listed=not each["is_delisted"] and each["retired_at"] is None,
            ),
        )
        for each in assets.to_pylist()
    ]


def universe_of(
    assets: pa.Table, listings: pa.Table, discoveries: pa.Table, exchange: str, day: date
) -> pa.Table:
    """Return the assets listed on an exchange on a day, as `read_universe` does."""
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
    """Return the asset types that discoveries covered by then; None if they covered all."""
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
