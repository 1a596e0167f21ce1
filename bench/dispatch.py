"""The dispatch: one claim of 64 assets, by the engine's own query, in tables of three sizes.

Two situations: a first load, where no asset has been answered yet; and an ordinary night, where
most are fresh, a tenth is due, and dead and empty listings lie between.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import click
import psycopg

from bench.place import Place
from bench.report import Section, table
from data_nexus.database.connection import conninfo
from data_nexus.database.queries import query
from data_nexus.database.store import Due, QueuePosition, open_store

_SIZES = (1_000, 100_000, 1_000_000)
_CLAIM, _CLAIMS = 64, 9
_INDEX = "assets_dispatch"
_SMALL = 1000
_BARE = """
INSERT INTO assets (symbol, exchange, venue, name, asset_type, country, currency)
SELECT 'S' || i, CASE WHEN mod(i, 3) = 0 THEN 'LSE' ELSE 'US' END, 'NYSE', 'Company ' || i,
       'Common Stock', 'USA', 'USD'
FROM generate_series(1, %s) i
"""
_LIVED_IN = """
UPDATE assets
SET is_active = mod(id, 100) <> 5,
    is_delisted = mod(id, 20) = 3,
    ask_after = CASE WHEN mod(id, 50) = 7 THEN now() + interval '5 days' END,
    synced_through = CASE WHEN mod(id, 50) <> 7 THEN current_date - 1 END,
    last_bar = CASE WHEN mod(id, 50) <> 7 THEN current_date - 1 END,
    last_synced = now() - random() * interval '1 hour' - CASE
        WHEN mod(id, 50) = 7 THEN NULL
        WHEN mod(id, 20) = 3 THEN interval '400 days'
        WHEN mod(id, 10) = 1 THEN interval '30 hours'
        ELSE interval '8 hours' END
"""
_BARS = """
INSERT INTO market_data
SELECT id, current_date - 1, 1, 1, 1, 1, 1, 1 FROM assets WHERE last_synced IS NOT NULL
"""
_SITUATIONS = {
    "first load": (),
    "ordinary night": (_LIVED_IN, _BARS),
}


@dataclass(frozen=True, slots=True)
class Claiming:
    """What claims cost in one situation; the plan is of the first claim of a run."""

    assets: int
    situation: str
    exchange: str | None
    first_ms: float
    later_ms: float
    plan: dict[str, Any]
    told: str


def measure_dispatch(place: Place) -> Section:
    """Claim in each situation and size; raise `RuntimeError` if a plan walks or sorts the table."""
    found = [
        claiming
        for situation in _SITUATIONS
        for assets in _SIZES
        for claiming in _measure(place, situation, assets)
    ]
    header = (
        "situation",
        "assets",
        "exchange",
        "first claim, ms",
        "later claims, ms",
        "pages of the first",
        "rows stepped over",
        "index",
        "sort",
    )
    longest = f"\nThe plan of the last line:\n\n```\n{found[-1].told}\n```\n"
    return Section("Dispatch", table(header, map(_row, found)) + _NOTES + longest)


def _measure(place: Place, situation: str, assets: int) -> Iterator[Claiming]:
    click.echo(f"{situation}, {assets:,} assets:")
    with place.template(lambda url: _fill(url, situation, assets)) as template:
        for exchange in (None, "US"):
            with place.copy_of(template) as url:
                plan = _plan(url, exchange, assets)
                told = "\n".join(_explain(url, exchange, b"TEXT"))
                first, later = asyncio.run(_claim_repeatedly(url, exchange))
            click.echo(f"  first {first:.1f} ms, later {later:.1f} ms, by {_index(plan)}")
            yield Claiming(assets, situation, exchange, first, later, plan, told)


def _fill(url: str, situation: str, assets: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_BARE, (assets,))
        for statement in _SITUATIONS[situation]:
            connection.execute(statement)
        connection.execute("VACUUM FULL")
        connection.execute("VACUUM ANALYZE")


async def _claim_repeatedly(url: str, exchange: str | None) -> tuple[float, float]:
    """Return the milliseconds of a run's first claim, and of its later ones at the median."""
    due, position, times = Due(_yesterday(), exchange), QueuePosition(), []
    async with open_store(url, "public", 1, 60.0) as store:
        await store.runs.moment()  # the connection is warm, the table's pages are not
        for _ in range(_CLAIMS):
            started = time.perf_counter()
            await store.leases.claim(due, position, _CLAIM)
            times.append((time.perf_counter() - started) * 1000)
    return times[0], median(times[1:])


def _plan(url: str, exchange: str | None, assets: int) -> dict[str, Any]:
    """Return the executed plan of a run's first claim; refuse one that does not suit a queue."""
    plan: dict[str, Any] = _explain(url, exchange, b"JSON")[0][0]
    if any(_walks_or_sorts(node) for node in _nodes(plan["Plan"])) or not _index(plan):
        raise RuntimeError(f"{assets:,} assets: the claim walks or sorts:\n{json.dumps(plan)}")
    return plan


def _explain(url: str, exchange: str | None, form: bytes) -> list[Any]:
    """Return what PostgreSQL explains about a run's first claim; the claim is undone again."""
    parameters = {
        "after_synced": None,
        "after_id": 0,
        "synced_before": _yesterday(),
        "exchange": exchange,
        "asset_ids": None,
        "suspect": False,
        "limit": _CLAIM,
        "owner": 1,
        "lease_sec": 60.0,
    }
    explained = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT " + form + b") " + query("claim_due")
    with psycopg.connect(conninfo(url)) as connection:
        rows = connection.execute(explained, parameters, prepare=False).fetchall()
        connection.rollback()
    return [row[0] for row in rows]


def _yesterday() -> datetime:
    return datetime.now(UTC) - timedelta(days=1)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _walks_or_sorts(node: dict[str, Any]) -> bool:
    """Whether a step sorts, or reads a table row after row, more than a small table holds."""
    kind = node["Node Type"]
    return ("Sort" in kind or kind == "Seq Scan") and float(node["Actual Rows"]) > _SMALL


def _index(plan: dict[str, Any]) -> str:
    names = [node["Index Name"] for node in _nodes(plan["Plan"]) if "Index Name" in node]
    return next((name for name in names if name.startswith(_INDEX)), "")


def _row(found: Claiming) -> tuple[str, ...]:
    top = found.plan["Plan"]
    pages = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    sorted_rows = sum(n["Actual Rows"] for n in _nodes(top) if "Sort" in n["Node Type"])
    stepped_over = sum(node.get("Rows Removed by Filter", 0) for node in _nodes(top))
    return (
        found.situation,
        f"{found.assets:,}",
        found.exchange or "any",
        f"{found.first_ms:.1f}",
        f"{found.later_ms:.1f}",
        f"{pages:,}",
        f"{stepped_over:,}",
        f"`{_index(found.plan)}`",
        f"{sorted_rows:,.0f} rows" if sorted_rows else "none",
    )


_NOTES = f"""
One claim hands out {_CLAIM} assets by `claim_due`. Times are the engine's own, round trip
included; of the later claims the median of {_CLAIMS - 1}. Pages and rows stepped over are those
of `EXPLAIN (ANALYZE, BUFFERS)`. In the *ordinary night* a tenth of the assets is due, 5 % are
dead listings that were loaded once, 2 % have no bars and are asked for again later, 1 % is
paused, the rest is fresh. The run stops with an error when a plan reads the whole table or sorts.
"""
