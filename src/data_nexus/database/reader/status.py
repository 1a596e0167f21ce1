"""Report the state of a database, as `nexus status` shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import query, segment_parameters
from data_nexus.database.reader.audits import audit_outlook
from data_nexus.database.reader.planning import known_quota, live_workers
from data_nexus.domain.limits.quota import Quota, on_day
from data_nexus.domain.planning.due import MarketSegment, out_since, published_at


def overview(database: PostgresConnection, settings: Settings) -> dict[str, Any]:
    """Return the figures of `nexus status --json`, by the database's clock."""
    known = known_quota(database, settings.token)
    quota = on_day(known.quota, known.moment.date())
    with database.connect() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        segments = [MarketSegment(*row) for row in connection.execute(query("places")).fetchall()]
        out = segment_parameters(published_at(segments, known.moment))
        out["out_since"] = list(out_since(segments, known.moment).values())
        found = cursor.execute(query("status"), out).fetchone() or {}
        bars = cursor.execute(query("count_bars")).fetchone() or {}
        runs = cursor.execute(query("last_runs")).fetchall()
    dates = {key: _iso(found.pop(key)) for key in ("first_date", "last_date")}
    return {
        "assets": found,
        "rows": bars["rows"],
        "rows_are_estimated": bars["is_estimate"],
        **dates,
        "quota": _quota(quota, known.reported_at),
        "audit": audit_outlook(database, quota, settings),
        "workers": [
            worker | {k: _iso(worker[k]) for k in ("started_at", "seen_at")}
            for worker in live_workers(database)
        ],
        "runs": [run | {k: _iso(run[k]) for k in ("started_at", "finished_at")} for run in runs],
    }


def _quota(quota: Quota, reported_at: datetime | None) -> dict[str, Any]:
    return {
        "used": quota.spent,
        "limit": quota.day_limit,
        "extra": quota.extra,
        "left": quota.left,
        "resets_at": quota.resets_at.isoformat(),
        "minute_limit": quota.minute_limit,
        "reported_at": _iso(reported_at),
    }


def _iso(value: Any) -> str | None:  # noqa: ANN401 - a date, a moment or nothing
    return None if value is None else str(value.isoformat())
