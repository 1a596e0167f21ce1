"""Owns the overview of a database: what `nexus status` tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import dict_row

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.sql import query


def overview(database: PostgresConnection, days_old: float) -> dict[str, Any]:
    """Return the figures of `nexus status --json`; an asset is stale after `days_old` days."""
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        found = cursor.execute(query("status"), {"days_old": days_old}).fetchone() or {}
        bars = cursor.execute(query("count_bars")).fetchone() or {}
        runs = cursor.execute(query("last_runs")).fetchall()
    calls = found.pop("calls_today")
    dates = {key: _iso(found.pop(key)) for key in ("first_date", "last_date")}
    return {
        "assets": found,
        "rows": bars["rows"],
        "rows_are_estimated": bars["is_estimate"],
        **dates,
        "quota": {"used": calls, "limit": None, "extra": None, "resets_at": _next_midnight()},
        "runs": [run | {k: _iso(run[k]) for k in ("started_at", "finished_at")} for run in runs],
    }


def _iso(value: Any) -> str | None:  # noqa: ANN401 - a date, a moment or nothing
    return None if value is None else str(value.isoformat())


def _next_midnight() -> str:
    """The vendor's day ends at midnight GMT (vendor documentation, API limits)."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC).isoformat()
