"""A vendor that is late or wrong with some assets: right once it has corrected, honest until then.

After every update each settled value is the vendor's final one, unless the asset is suspected, and
no asset is fresh that is not.
In bulk and individually, through some weeks of nights; `make campaign` has a year of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import load_all, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import truth

NIGHTS = sized(8, 250)
# All of it lies before today: no bar is in the future by the database's clock.
FIRST = date(2025, 3, 3)
SESSIONS = [
    day_date(day)
    for day in sessions_of("US", FIRST).between(FIRST, FIRST + timedelta(days=600)).tolist()
][: NIGHTS + 1]
IN_BULK, SINGLY = 640, 120
# So many before the first night, and one a night.
BARS = 40 + NIGHTS
RAW = ("open", "high", "low", "close", "volume")
SHARE = 0.02
SUSPECTED = (
    "SELECT DISTINCT a.symbol || '.' || a.exchange FROM suspicions s JOIN assets a"
    " ON a.id = s.asset_id WHERE s.read_after < 'infinity' AND a.last_bar IS NOT NULL"
)
BEHAVIOURS = ("late", "provisional", "unsettled-volume", "late-actions", "doubled")


@dataclass(slots=True)
class LateVendor:
    """A vendor, and the database that is updated from it each morning."""

    vendor: Sandbox
    url: str

    def night(self, session: date) -> dict[str, Any]:
        """Let a session be published and update in the morning after."""
        self.vendor.post("/publish", {"exchange": "US", "date": str(session)})
        morning = datetime(session.year, session.month, session.day, 12, tzinfo=UTC)
        now = morning + timedelta(days=1)
        self.vendor.post("/clock", {"now": now.isoformat()})
        report = update_at(now, self.vendor, self.url, look_back=1)
        assert report.ended_by is None
        assert not any(broken_invariants(PostgresConnection(self.url)).values())
        return report.as_dict()

    def stored(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        found = rows(
            self.url,
            "SELECT a.symbol || '.' || a.exchange, m.date::text, m.open, m.high, m.low, m.close,"
            " m.volume, m.date <= coalesce(a.settled_through, '-infinity')"
            " FROM market_data m JOIN assets a ON a.id = m.asset_id",
        )
        return {(ticker, day): tuple(values) for ticker, day, *values in found}

    def final(self) -> dict[tuple[str, str], tuple[float, ...]]:
        return {
            (row["symbol"], str(row["date"])): tuple(row[name] for name in RAW)
            for row in truth(self.vendor, final=True).to_pylist()
        }

    def assert_settled_is_final(self) -> None:
        """What is called settled is what the vendor says in the end, and none of it is missing.

        A split that the vendor has not told yet is worked into the final values and into no
        answer; its price leaps, and so its asset is suspected, and not fresh.
        """
        settled = "SELECT symbol || '.' || exchange, settled_through::text FROM assets"
        settled_to: dict[str, str | None] = dict(rows(self.url, settled))
        suspected = {ticker for (ticker,) in rows(self.url, SUSPECTED)}
        stored, final = self.stored(), self.final()
        wrong = [
            (key, values[:-1], final.get(key))
            for key, values in stored.items()
            if values[-1] and values[:-1] != final.get(key) and key[0] not in suspected
        ]
        missing = [
            (ticker, day)
            for ticker, day in final
            if (ticker, day) not in stored and day <= (settled_to[ticker] or "")
        ]
        assert (wrong[:3], missing[:3]) == ([], [])
        assert len(suspected) <= SHARE * len(settled_to) * len(BEHAVIOURS)


@contextmanager
def late_vendor(cluster: Cluster, folder: Path, symbols: int) -> Iterator[LateVendor]:
    options = {"symbols": symbols, "bars_per_symbol": BARS, "clean": True}
    until = f"{SESSIONS[-1] + timedelta(2)}T22:00:00"
    with (
        sandbox(now=until, minute_limit=1_000_000, **options) as vendor,  # type: ignore[arg-type]
        cluster.fresh_database() as url,
    ):
        vendor.post("/limits", {"daily": 10_000_000})
        vendor.post("/publish", {"exchange": "US", "date": str(SESSIONS[0])})
        assert commands_at(folder, vendor, url).run("discover", "--exchange", "US").code == 0
        load_all(vendor, url)
        execute(url, "DELETE FROM quota_ledger")
        yield LateVendor(vendor, url)


@pytest.mark.sized(NIGHTS, "nights")
@pytest.mark.parametrize("symbols", [IN_BULK, SINGLY], ids=["in bulk", "singly"])
def test_whatever_comes_late_is_right_once_it_is_called_settled(
    cluster: Cluster, tmp_path: Path, symbols: int
) -> None:
    with late_vendor(cluster, tmp_path, symbols) as late:
        for name in BEHAVIOURS:
            late.vendor.post("/behaviours", {"name": name, "share": SHARE})
        revised = came_late = 0
        for session in SESSIONS[1:]:
            figures = late.night(session)
            late.assert_settled_is_final()
            revised += figures["revised"] + sum(one["revised"] for one in figures["looked_back"])
            came_late += sum(one["late"] for one in figures["looked_back"])
        assert revised > NIGHTS, "the vendor has corrected something"
        # All but the newest session is settled, of all that trade.
        open_ones = (
            "SELECT count(*) FROM assets WHERE last_bar >= %s AND settled_through < %s"
            " AND NOT EXISTS (SELECT FROM suspicions s WHERE s.asset_id = assets.id)"
        )
        assert value(late.url, open_ones, SESSIONS[-2], SESSIONS[-2]) == 0
