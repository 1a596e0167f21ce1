"""Fill a database with many assets, as they are after they were loaded."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click
import psycopg

# A year of sessions for each asset; the other tables as they are after it was loaded.
_STATEMENTS = (
    """
    INSERT INTO assets (symbol, exchange, venue, asset_type, name, currency, last_synced,
                        synced_through, settled_through, last_bar)
    SELECT 'S' || n, CASE WHEN n %% 4 = 0 THEN 'LSE' ELSE 'US' END,
           CASE WHEN n %% 4 = 0 THEN 'LSE' ELSE 'NYSE' END, 'Common Stock', 'Company ' || n, 'USD',
           now(), s.last, s.last - 1, s.last
    FROM generate_series(1, %(assets)s) n, (SELECT current_date - 1 AS last) s
    """,
    """
    INSERT INTO market_data
    SELECT a.id, d.day, 1, 2, 0.5, 1.5, 1.5, 1000
    FROM assets a,
         (SELECT (current_date - n)::date AS day FROM generate_series(1, 400) n
          WHERE extract(isodow FROM current_date - n) < 6 LIMIT %(sessions)s) d
    """,
    """
    INSERT INTO sync_log (asset_id, fence, run_id, outcome, window_first, window_last, received,
                          inserted, revised, unchanged, rejected, calls, requests, committed_at)
    SELECT id, 1, 1, 'stored', '2020-01-01', current_date, 250, 250, 0, 0, 0, 1, 1,
           now() - id * interval '0.2 second'
    FROM assets
    """,
    """
    INSERT INTO dead_letters (asset_id, endpoint, reason, last_at)
    SELECT id, 'eod', symbol || ': refused (422)', now() - id * interval '1 second'
    FROM assets
    WHERE %(letters)s > 0 AND id %% greatest(1, %(assets)s / %(letters)s) = 0
    """,
    """
    INSERT INTO runs (command, finished_at, outcome)
    SELECT 'update', now(), 'done' FROM generate_series(1, 3000)
    """,
    """
    INSERT INTO watchlists (name) SELECT 'list' || n FROM generate_series(1, 20) n
    """,
    """
    INSERT INTO watched_assets (watchlist, asset_id)
    SELECT 'list' || 1 + n %% 20, n FROM generate_series(1, least(20000, %(assets)s)) n
    """,
)


def fill(url: str, sizes: Mapping[str, int]) -> None:
    """Fill a database that has our tables: `assets`, `sessions` of each, dead `letters`."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _STATEMENTS:
            begun = time.monotonic()
            connection.execute(statement, sizes)
            click.echo(f"{time.monotonic() - begun:6.1f} s  {statement.split()[2]}")
        connection.execute("VACUUM ANALYZE")
