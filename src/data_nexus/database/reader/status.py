"""Report the state of a database, as `nexus status` shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row, dict_row

from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.queries import Ids, open_notices, query, segment_parameters
from data_nexus.database.reader.audits import audit_outlook
from data_nexus.database.reader.planning import known_calendars, known_quota
from data_nexus.domain.limits.quota import Quota, on_day
from data_nexus.domain.planning.audit import Outlook
from data_nexus.domain.planning.due import MarketSegment, published_at, settled_at
from data_nexus.domain.planning.notices import Notices, notices_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveWorker:
    """A worker seen lately; `state` is what it reports of itself, as it stands in the table."""

    started_at: datetime
    seen_at: datetime
    state: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run: a command, when, how it ended (None while it runs), its figures by JSON name."""

    command: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The state of a database: assets counted by state, bars and their dates, quota, audit.

    `reported_at` is when the vendor last reported its count of calls. Workers are the live ones,
    the oldest first; runs the last five, the newest first. `notices` are what is open now, and
    what was rejected or withdrawn in the last days.
    """

    assets: Mapping[str, int]
    rows: int
    rows_are_estimated: bool
    first_date: date | None
    last_date: date | None
    quota: Quota
    reported_at: datetime | None
    audit: Outlook
    notices: Notices
    workers: Sequence[LiveWorker]
    runs: Sequence[PastRun]

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of `nexus status --json`."""
        return {
            "assets": dict(self.assets),
            "rows": self.rows,
            "rows_are_estimated": self.rows_are_estimated,
            "first_date": _iso(self.first_date),
            "last_date": _iso(self.last_date),
            "quota": _quota(self.quota, self.reported_at),
            "audit": self.audit.as_dict(),
            "notices": self.notices.as_dict(),
            "workers": [_with_iso(asdict(worker)) for worker in self.workers],
            "runs": [_with_iso(asdict(run)) for run in self.runs],
        }


def overview(database: PostgresConnection, settings: Settings, asset_ids: Ids = None) -> Overview:
    """Return the state of a database, by its own clock; with `asset_ids` count these alone."""
    known = known_quota(database, settings.token)
    quota, calendars = on_day(known.quota, known.moment.date()), known_calendars(database)
    with database.connect() as connection:
        segments = [MarketSegment(*row) for row in connection.execute(query("places")).fetchall()]
        out = segment_parameters(published_at(segments, known.moment, calendars))
        out["settled"] = list(settled_at(segments, known.moment, calendars).values())
        cursor = connection.cursor(row_factory=dict_row)
        found = cursor.execute(query("status"), out | {"asset_ids": asset_ids}).fetchone() or {}
        bars = cursor.execute(query("count_bars")).fetchone() or {}
        of_runs = connection.cursor(row_factory=class_row(PastRun))
        runs = of_runs.execute(query("last_runs")).fetchall()
    first_date, last_date = found.pop("first_date"), found.pop("last_date")
    return Overview(
        assets=found,
        rows=bars["rows"],
        rows_are_estimated=bars["is_estimate"],
        first_date=first_date,
        last_date=last_date,
        quota=quota,
        reported_at=known.reported_at,
        audit=audit_outlook(database, quota, settings),
        notices=notices_of(database.rows(*open_notices(known.moment))),
        workers=database.rows("live_workers", {}, class_row(LiveWorker)),
        runs=runs,
    )


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


def _with_iso(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, date) else v for k, v in row.items()}


def _iso(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
