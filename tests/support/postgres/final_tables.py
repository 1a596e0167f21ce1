"""What must be equal after every load of the same assets, however it was disturbed.

Left out is what may differ: moments, fences, runs, and what the requests cost.
"""

from __future__ import annotations

from collections import Counter
from typing import LiteralString

from tests.support.postgres.tables import Row, rows

_TOLD = 5
_QUERIES: dict[str, LiteralString] = {
    "assets": "SELECT id, symbol, exchange, last_synced IS NULL, synced_through, ask_after,"
    " times_empty, times_failed, times_rescued, lease_owner, lease_until, parked_at IS NULL,"
    " actions_wanted_at IS NULL"
    " FROM assets ORDER BY id",
    "market_data": "SELECT * FROM market_data ORDER BY asset_id, date",
    "market_data_revisions": "SELECT asset_id, date, open, high, low, close, adjusted_close, volume"
    " FROM market_data_revisions ORDER BY asset_id, date, valid_until",
    "rebasings": "SELECT asset_id, dates, adjusted_closes, volumes FROM rebasings"
    " ORDER BY asset_id, valid_until",
    "rejected_rows": "SELECT asset_id, date, rule, excerpt FROM rejected_rows ORDER BY 1, 2, 3, 4",
    "splits": "SELECT asset_id, date, numerator, denominator FROM splits ORDER BY 1, 2",
    "dividends": "SELECT asset_id, date, value, unadjusted_value, currency, declaration_date,"
    " record_date, payment_date, period FROM dividends ORDER BY 1, 2, 3",
    "dead_letters": "SELECT asset_id, endpoint, status, reason, count FROM dead_letters"
    " ORDER BY asset_id, endpoint",
    "sync_log": "SELECT asset_id, outcome, received, inserted, revised, unchanged, rejected,"
    " flagged, body_sha256 FROM sync_log ORDER BY asset_id, fence",
}
FinalTables = dict[str, list[Row]]


def final_tables(url: str) -> FinalTables:
    """The rows of each table, one log entry for each answer; leases and dead letters included."""
    return {table: rows(url, query) for table, query in _QUERIES.items()}


def assert_final(url: str, undisturbed: FinalTables) -> None:
    """The tables are what an undisturbed load has left; some of the differing rows are told."""
    assert_equal_tables(final_tables(url), undisturbed)


def assert_equal_tables(found: FinalTables, undisturbed: FinalTables) -> None:
    """The rows of each table are the same, in any order."""
    wrong = {}
    for table, expected in undisturbed.items():
        excess, missing = _counted(found[table]), _counted(expected)
        if excess != missing:
            wrong[table] = {
                "excess": [*(excess - missing).elements()][:_TOLD],
                "missing": [*(missing - excess).elements()][:_TOLD],
            }
    assert wrong == {}


def _counted(found: list[Row]) -> Counter[str]:
    return Counter(map(repr, found))
