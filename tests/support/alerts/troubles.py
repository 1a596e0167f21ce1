"""Troubles that alerts are about, put into a database and mended again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg

from tests.support.postgres.tables import add_assets, rows

_OLD, _NEW, _FIRST = "2026-01-02", "2999-01-01", date(2026, 1, 1)
_RUN = (
    "INSERT INTO job_runs (job, due_at, owner, ended_at, outcome, error, detail, brought)"
    " VALUES (%s, now(), 0, now(), %s, %s, 'a detail', %s)"
)
# By condition: the job of the test, its action, and how its run goes wrong.
_JOBS = {
    "down": ("a", "update", ("failed", "VendorUnavailable", None)),
    "credentials": ("b", "update", ("failed", "CredentialsRefused", None)),
    "quota": ("c", "update", ("failed", "QuotaSpent", None)),
    "job-failed": ("d", "verify", ("failed", "StorageUnavailable", None)),
    "late": ("e", "update", ("late", "", 50_000)),
    "too-small": ("f", "update", ("done", "", 12)),
    "backup": ("g", "backup", ("failed", "", None)),
}
OF_VENDOR = ("down", "credentials", "quota")
CONDITIONS = (*_JOBS, "dead-letters", "findings", "disk", "not-fresh")


@dataclass(frozen=True, slots=True)
class Troubles:
    """The troubles of a database; `free` is the file that says how much of the disk is free."""

    url: str
    free: Path
    asset: int
    host: str

    def make(self, condition: str, number: int) -> str:
        """Let a condition hold, for the nth time; its subject."""
        if condition in _JOBS:
            job, _, run = _JOBS[condition]
            rows(self.url, _RUN, job, *run)
            return "vendor" if condition in OF_VENDOR else job
        day = _FIRST + timedelta(days=number)
        if condition == "dead-letters":
            added = (
                "INSERT INTO dead_letters (asset_id, endpoint, reason, first_at)"
                " VALUES (%s, 'eod', 'x', %s)"
            )
            rows(self.url, added, self.asset, f"{day} 12:00+00")
            rows(self.url, "UPDATE assets SET parked_at = now() WHERE id = %s", self.asset)
            return f"US {day}"
        if condition == "findings":
            added = "INSERT INTO suspicions VALUES (%s, 'leap', %s, now(), 3, 'infinity')"
            rows(self.url, added, self.asset, day)
            return f"US {day}"
        if condition == "disk":
            self._write(0.01)
            return self.host
        rows(self.url, "UPDATE assets SET synced_through = %s WHERE exchange = 'LSE'", _OLD)
        return "LSE"

    def mend(self, condition: str) -> None:
        """Let a condition hold no more."""
        if condition in _JOBS:
            rows(self.url, _RUN, _JOBS[condition][0], "done", "", 50_000)
        elif condition == "dead-letters":
            rows(self.url, "DELETE FROM dead_letters")
            rows(self.url, "UPDATE assets SET parked_at = NULL")
        elif condition == "findings":
            rows(self.url, "DELETE FROM suspicions")
        elif condition == "disk":
            self._write(0.5)
        else:
            rows(self.url, "UPDATE assets SET synced_through = %s", _NEW)

    def _write(self, share: float) -> None:
        written = self.free.with_suffix(".new")
        written.write_text(str(share), encoding="utf-8")
        written.replace(self.free)


def no_troubles(url: str, free: Path, host: str) -> Troubles:
    """Fill a database with jobs that went well for a week."""
    (asset,) = add_assets(url, "AAPL", synced_through=_NEW, venue="NYSE", asset_type="Common Stock")
    add_assets(
        url, "VOD", exchange="LSE", synced_through=_NEW, venue="LSE", asset_type="Common Stock"
    )
    past = (
        "INSERT INTO job_runs (job, due_at, owner, started_at, ended_at, outcome, brought)"
        " SELECT %s, d, 0, d, d, 'done', 50000"
        " FROM generate_series(now() - interval '8 days', now() - interval '1 day', '1 day') d"
    )
    with psycopg.connect(url) as connection:
        for job, action, _ in _JOBS.values():
            connection.execute(
                "INSERT INTO jobs (name, action, schedule) VALUES (%s, %s, 'cron 0 0 29 2 *')",
                (job, action),
            )
            connection.execute(past, (job,))
    troubles = Troubles(url, free, asset, host)
    troubles.mend("disk")
    return troubles
