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
from data_nexus.sandbox.market.behaviours import MEANINGS
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import load_all, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import now_and_final

NIGHTS = sized(6, 250)
# All of it lies before today: no bar is in the future by the database's clock.
FIRST = date(2025, 3, 3)
SESSIONS = [
    day_date(day)
    for day in sessions_of("US", FIRST).between(FIRST, FIRST + timedelta(days=600)).tolist()
][: NIGHTS + 1]
IN_BULK, SINGLY = 640, 120
# So many before the first night, and one a night.
BARS = 40 + NIGHTS
RAW, PRICES = slice(5), slice(4)
COLUMNS = ("open", "high", "low", "close", "volume", "adjusted_close")
SHARE = 0.02
SUSPECTED = (
    "SELECT DISTINCT a.symbol || '.' || a.exchange FROM suspicions s JOIN assets a"
    " ON a.id = s.asset_id WHERE s.read_after < 'infinity' AND a.last_bar IS NOT NULL"
)
STORED = (
    "SELECT a.symbol || '.' || a.exchange, m.date, m.open, m.high, m.low, m.close, m.volume,"
    " m.adjusted_close FROM market_data m JOIN assets a ON a.id = m.asset_id"
)
SETTLED = "SELECT symbol || '.' || exchange, settled_through FROM assets"
# Those that a second look at each session settles for good.
BEHAVIOURS = ("late", "provisional", "unsettled-volume", "doubled")


Key = tuple[str, date]
Values = tuple[float, ...]


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

    def judged(self) -> Judged:
        """What is stored, and said of it, beside what the vendor says now and will say finally."""
        served, final = dict[Key, Values](), dict[Key, Values]()
        for row in now_and_final(self.vendor).to_pylist():
            key = row["symbol"], row["date"]
            for values, prefix in ((served, ""), (final, "final_")):
                if row[prefix + "close"] is not None:
                    values[key] = tuple(row[prefix + name] for name in COLUMNS)
        bars = rows(self.url, STORED)
        return Judged(
            stored={(ticker, day): tuple(values) for ticker, day, *values in bars},
            served=served,
            final=final,
            settled_to=dict(rows(self.url, SETTLED)),
            suspected={ticker for (ticker,) in rows(self.url, SUSPECTED)},
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """The stored bars, what the vendor serves of them, and what is said of each asset."""

    stored: dict[Key, Values]
    served: dict[Key, Values]
    final: dict[Key, Values]
    settled_to: dict[str, date | None]
    suspected: set[str]

    def is_settled(self, key: Key) -> bool:
        ticker, day = key
        through = self.settled_to[ticker]
        return through is not None and day <= through

    def wrong(self, *true: dict[Key, Values], columns: slice = slice(None)) -> list[Any]:
        """The settled bars of assets in no doubt that are like none of some true ones."""
        return [
            (key, values[columns], [found and found[columns] for found in all_true])
            for key, values in self.stored.items()
            if self.is_settled(key) and key[0] not in self.suspected
            for all_true in [[each.get(key) for each in true]]
            if values[columns] not in [found and found[columns] for found in all_true]
        ]

    def missing(self) -> list[Key]:
        """The served bars of settled sessions that are not stored, of assets in no doubt."""
        return [
            key
            for key in self.served.keys() & self.final.keys()
            if key not in self.stored and self.is_settled(key) and key[0] not in self.suspected
        ]

    def unseen(self, session: date) -> list[str]:
        """The assets in no doubt that lack a session although the vendor serves it."""
        return [
            ticker
            for ticker, day in self.served
            if day == session and (ticker, day) not in self.stored and ticker not in self.suspected
        ]


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
        revised = 0
        for session in SESSIONS[1:]:
            figures = late.night(session)
            judged = late.judged()
            assert judged.wrong(judged.final, columns=RAW)[:3] == []
            assert judged.missing()[:3] == []
            assert len(judged.suspected) <= SHARE * symbols * len(BEHAVIOURS)
            revised += figures["revised"] + sum(one["revised"] for one in figures["looked_back"])
        assert revised > NIGHTS, "the vendor has corrected something"
        # All but the newest session is settled, of all that trade.
        open_ones = (
            "SELECT count(*) FROM assets WHERE last_bar >= %s AND settled_through < %s"
            " AND NOT EXISTS (SELECT FROM suspicions s WHERE s.asset_id = assets.id)"
        )
        assert value(late.url, open_ones, SESSIONS[-2], SESSIONS[-2]) == 0


@pytest.mark.sized(NIGHTS, "nights")
@pytest.mark.parametrize("symbols", [IN_BULK, SINGLY], ids=["in bulk", "singly"])
def test_a_vendor_with_every_behaviour_is_followed_to_the_night(
    cluster: Cluster, tmp_path: Path, symbols: int
) -> None:
    """What is settled and not suspected is what the vendor says in that night, or finally.

    The calendar is wrong, too: sessions that it lacks, and days off that it does not know.
    """
    with late_vendor(cluster, tmp_path, symbols) as late:
        for name in MEANINGS:
            late.vendor.post("/behaviours", {"name": name, "share": SHARE})
        fridays = [day for day in SESSIONS[3:-1] if day.weekday() == 4][::5]
        extra = [str(day + timedelta(1)) for day in fridays]
        missing = [day + timedelta(5) for day in fridays if day + timedelta(5) in SESSIONS[:-1]]
        given = {"exchange": "US", "extra": extra, "missing": [str(day) for day in missing]}
        late.vendor.post("/sessions", given)
        calls = 0
        for session in SESSIONS[1:]:
            figures = late.night(session)
            judged = late.judged()
            # On a day off a few assets are read: what goes ex on it comes with the next session,
            # and with a split the volumes before it change, too.
            columns = PRICES if session in missing else slice(None)
            assert judged.wrong(judged.served, judged.final, columns=columns)[:3] == []
            assert judged.missing()[:3] == []
            if session not in missing:
                assert judged.unseen(session)[:3] == []
            assert len(judged.suspected) <= SHARE * symbols * len(MEANINGS)
            calls += figures["calls"]
        # Two sessions' prices and actions, or one history of each; the rest is what was in doubt.
        a_night = 600 if symbols == IN_BULK else SINGLY
        a_night += round(SHARE * symbols * len(MEANINGS) / 2)
        assert calls <= len(SESSIONS[1:]) * a_night + 2 * symbols
