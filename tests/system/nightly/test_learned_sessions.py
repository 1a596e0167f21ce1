"""Sessions and closures that the calendar lacks: found from bars, and used from then on.

In bulk and individually, against the real sandbox: India's budget session on a Sunday, and an
exchange that shuts for days without notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_nexus.app.nexus import Nexus
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.research.coverage import read_coverage
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import rows, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import load_all, plan_at, update_at, without_actions
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

FRIDAY, SUNDAY, MONDAY = date(2026, 1, 30), date(2026, 2, 1), date(2026, 2, 2)
HOLIDAYS = (date(2026, 1, 15), date(2026, 1, 26))
HELD = [
    day
    for day in (date(2026, 1, 5) + timedelta(days=n) for n in range(40))
    if day == SUNDAY or (day.weekday() < 5 and day not in HOLIDAYS)
]
LEARNED = (
    "SELECT date, is_open, traded, asked, symbols FROM learned_sessions WHERE exchange = %s"
    " ORDER BY date"
)
BULK, LOOK_BACK = 300, 100


@dataclass(slots=True)
class Exchange:
    """An exchange of the sandbox, and the database that is updated from it."""

    code: str
    vendor: Sandbox
    url: str

    def publish(self, day: date) -> None:
        self.vendor.post("/publish", {"exchange": self.code, "date": str(day)})

    def night(self, session: date) -> dict[str, Any]:
        """Let all up to a day be published, and update in the morning after."""
        self.publish(session)
        report = update_at(morning_after(session), self.vendor, self.url)
        assert report.ended_by is None
        assert not any(broken_invariants(PostgresConnection(self.url)).values())
        return report.as_dict()

    def asked(self, session: date) -> tuple[int, int]:
        """Return what the night of a session asks: bulk requests, and histories of how many."""
        begun = len(self.vendor.log())
        self.night(session)
        sent = self.vendor.log()[begun:]
        histories = {each["symbol"] for each in sent if each["endpoint"] == "eod"}
        return sum(each["endpoint"] == "eod-bulk-last-day" for each in sent), len(histories)

    def learned(self) -> dict[date, bool]:
        return {row[0]: row[1] for row in rows(self.url, LEARNED, self.code)}

    def assert_equals_the_vendor(self, through: date) -> None:
        found = differences(self.url, truth(self.vendor))
        assert (found["lost"], found["invented"]) == (0, 0)
        assert value(self.url, "SELECT max(date) FROM market_data") == through

    def coverage(self, session: date) -> set[tuple[Any, ...]]:
        """What is said of all assets: expected, stored, absent, missing, unexpected, exact."""
        database = PostgresConnection(self.url)
        tickers = [row[0] for row in rows(self.url, "SELECT symbol FROM assets")]
        named = [f"{code}.{self.code}" for code in tickers]
        found = read_coverage(database, named, morning_after(session))
        names = ("expected", "stored", "absent", "missing", "unexpected", "is_exact")
        return {tuple(row[name] for name in names) for row in found.to_pylist()}


def morning_after(day: date) -> datetime:
    """A moment at which all of a session is published, and nothing of the next one."""
    return datetime.combine(day + timedelta(days=1), time(11), UTC)


def bars(code: str, level: int) -> pa.Table:
    count = len(HELD)
    close = [100.0 + n / 2 for n in range(count)]
    prices = {"open": close, "high": [c + 1 for c in close], "low": [c - 1 for c in close]}
    volume = [10_000.0 + level + n for n in range(count)]
    symbols = {"symbol": [code] * count, "exchange": ["NSE"] * count, "date": HELD}
    return pa.table(symbols | prices | {"close": close, "adjusted_close": close, "volume": volume})


@contextmanager
def loaded(cluster: Cluster, folder: Path, code: str, vendor: Sandbox) -> Iterator[Exchange]:
    with cluster.fresh_database() as url:
        assert commands_at(folder, vendor, url).run("discover", "--exchange", code).code == 0
        load_all(vendor, url)
        without_actions(vendor, url, code)
        yield Exchange(code, vendor, url)


@contextmanager
def india(cluster: Cluster, folder: Path, assets: int) -> Iterator[Exchange]:
    path = folder / "bars.parquet"
    pq.write_table(pa.concat_tables([bars(f"CO{n:03}", n) for n in range(assets)]), path)
    options: dict[str, Any] = {"now": "2026-02-14", "minute_limit": 1_000_000, "exchange": "NSE"}
    with sandbox(bars=path, **options) as vendor:
        vendor.post("/limits", {"daily": 10_000_000})
        vendor.post("/publish", {"exchange": "NSE", "date": str(FRIDAY)})
        with loaded(cluster, folder, "NSE", vendor) as exchange:
            yield exchange


@pytest.mark.parametrize("assets", [720, 120], ids=["in bulk", "singly"])
def test_a_sunday_session_of_india_is_found_with_the_next_session(
    cluster: Cluster, tmp_path: Path, assets: int
) -> None:
    with india(cluster, tmp_path, assets) as nse:
        assert nse.learned() == {}
        in_bulk = assets > BULK + LOOK_BACK
        assert nse.night(SUNDAY)["calls"] == 0, "nothing is due on a Sunday"
        planned = plan_at(morning_after(MONDAY), nse.vendor, nse.url)
        figures = nse.night(MONDAY)
        if in_bulk:
            assert planned.calls == 3 + BULK + LOOK_BACK
            assert figures["calls"] == 3 + 2 * BULK + LOOK_BACK
        else:
            assert figures["calls"] == planned.calls == assets
        assert nse.learned() == {SUNDAY: True}
        nse.assert_equals_the_vendor(MONDAY)
        held = HELD.index(MONDAY) + 1
        assert nse.coverage(MONDAY) == {(held, held, 0, 0, 0, False)}
        with Nexus(nse.url) as opened:
            dates = opened.calendar("NSE", "2026-01-05", MONDAY)["date"].to_pylist()
        assert dates == HELD[:held]
        following = nse.night(date(2026, 2, 3))
        assert following["calls"] == (BULK + LOOK_BACK if in_bulk else assets) + SETTLING
        nse.assert_equals_the_vendor(date(2026, 2, 3))


# The probes were read before the Sunday was known: one more reading settles it.
SETTLING = 3
CLOSED = [date(2026, 11, day) for day in (10, 11, 12, 13, 16)]
BEFORE, REOPENS = date(2026, 11, 9), date(2026, 11, 17)


@contextmanager
def shut_exchange(cluster: Cluster, folder: Path, assets: int) -> Iterator[Exchange]:
    options: dict[str, Any] = {"symbols": assets, "clean": True, "bars_per_symbol": 40}
    with sandbox(now="2026-11-20", minute_limit=1_000_000, **options) as vendor:
        vendor.post("/limits", {"daily": 10_000_000})
        vendor.post("/publish", {"exchange": "US", "date": str(BEFORE)})
        shut = {"exchange": "US", "shut_from": str(CLOSED[0]), "reopens": str(REOPENS)}
        vendor.post("/sessions", shut)
        with loaded(cluster, folder, "US", vendor) as exchange:
            yield exchange


@pytest.mark.parametrize("assets", [620, 120], ids=["in bulk", "singly"])
def test_a_shut_exchange_costs_one_question_a_night_until_it_reopens(
    cluster: Cluster, tmp_path: Path, assets: int
) -> None:
    with shut_exchange(cluster, tmp_path, assets) as us:
        in_bulk = assets > BULK + LOOK_BACK
        asked = [us.asked(day) for day in CLOSED]
        # An asset with a split is read twice.
        assert asked == [(1, 0) if in_bulk else (0, 10), *[(0, 1)] * 4]
        assert us.learned() == {}, "it may be late"
        us.night(REOPENS)
        assert us.learned() == dict.fromkeys(CLOSED, False)
        us.assert_equals_the_vendor(REOPENS)
        for expected, stored, *others, is_exact in us.coverage(REOPENS):
            assert (stored, others, is_exact) == (expected, [0, 0, 0], True)
        trading = value(us.url, "SELECT count(*) FROM assets WHERE last_bar = %s", REOPENS)
        bulk_requests, histories = us.asked(date(2026, 11, 18))
        assert bulk_requests == (4 if in_bulk else 0)
        assert in_bulk or histories == trading
        assert value(us.url, "SELECT count(*) FROM suspicions") == 0
        open_ones = "SELECT count(*) FROM assets WHERE last_bar > %s AND settled_through < %s"
        assert value(us.url, open_ones, REOPENS, REOPENS) == 0


def test_what_goes_ex_on_a_day_without_a_session_is_read_with_the_next_one(
    cluster: Cluster, tmp_path: Path
) -> None:
    tuesday, wednesday = date(2026, 2, 3), date(2026, 2, 4)
    with india(cluster, tmp_path, 720) as nse:
        nse.night(MONDAY)
        nse.vendor.post("/sessions", {"exchange": "NSE", "missing": [str(tuesday)]})
        split = {"symbol": "CO007.NSE", "date": str(tuesday), "split": "2/1"}
        nse.vendor.post("/actions", split)
        assert nse.night(tuesday)["calls"] == LOOK_BACK + SETTLING
        assert nse.night(wednesday)["calls"] == 3 + BULK + LOOK_BACK + 200 + 1
        assert nse.learned() == {SUNDAY: True, tuesday: False}
        nse.assert_equals_the_vendor(wednesday)
