"""Return the actions of a snapshot in the form in which the database gives them. Pure."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from data_nexus.research.columns import ACTIONS_SCHEMA


def actions_of(assets: pa.Table, splits: pa.Table, dividends: pa.Table) -> pa.Table:
    """Return the splits and dividends of assets, in their order, as `ACTIONS_SCHEMA`."""
    ids = assets["asset_id"].combine_chunks()
    parts = [_of_kind(splits, ids, "split"), _of_kind(dividends, ids, "dividend")]
    table = pa.concat_tables(parts, promote_options="default")
    at = pc.index_in(table["asset_id"], ids)
    named = table.append_column("rank", at).append_column("ticker", assets["ticker"].take(at))
    known = named.append_column("asset_currency", assets["currency"].take(at))
    ordered = known.sort_by(
        [
            ("rank", "ascending"),
            ("date", "ascending"),
            ("kind", "descending"),
            ("value", "ascending"),
        ]
    )
    return ordered.select(ACTIONS_SCHEMA.names).cast(ACTIONS_SCHEMA)


def between(actions: pa.Table, first: date | None, last: date | None) -> pa.Table:
    """Return the actions with an ex-date from `first` to `last`, both included."""
    if first:
        actions = actions.filter(pc.greater_equal(actions["date"], first))
    return actions.filter(pc.less_equal(actions["date"], last)) if last else actions


def _of_kind(table: pa.Table, asset_ids: pa.Array, kind: str) -> pa.Table:
    own = table.filter(pc.is_in(table["asset_id"], asset_ids))
    return own.append_column("kind", pa.array([kind] * len(own), pa.string()))
