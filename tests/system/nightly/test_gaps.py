"""Gaps before a bar: one more look at their session tells what was late from what never was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import load_all, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

FIRST = date(2026, 11, 2)
SESSIONS = [
    FIRST + timedelta(days=n) for n in range(19) if (FIRST + timedelta(days=n)).weekday() < 5
]
LOADED = 4  # sessions, up to Friday
DAILY, SELDOM = 300, 330
BULK, LOOK = 300, 100
# After a weekend.
PROBES = 3


def bars(code: str, traded: list[date]) -> pa.Table:
    n = len(traded)
    prices = {name: [10.0] * n for name in ("open", "high", "low", "close", "adjusted_close")}
    return pa.table({"symbol": [code] * n, "date": traded, **prices, "volume": [100.0] * n})


def market(folder: Path) -> Path:
    """Names that trade daily, and names that trade on every third session, in three shifts."""
    tables = [bars(f"D{n:03}", SESSIONS) for n in range(DAILY)]
    tables += [bars(f"S{n:03}", SESSIONS[n % 3 :: 3]) for n in range(SELDOM)]
    path = folder / "bars.parquet"
    pq.write_table(pa.concat_tables(tables), path)
    return path


@pytest.fixture(scope="module")
def shared_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    bars = market(tmp_path_factory.mktemp("market"))
    with sandbox(bars=bars, now="2026-11-24", minute_limit=1_000_000) as running:
        yield running


@pytest.fixture
def vendor(shared_vendor: Sandbox) -> Sandbox:
    """The vendor on Friday."""
    publish(shared_vendor, SESSIONS[LOADED])
    return shared_vendor


@pytest.fixture(scope="module")
def loaded_once(
    cluster: Cluster, shared_vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database that holds all that the vendor has then."""
    publish(shared_vendor, SESSIONS[LOADED])
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("home"), shared_vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(shared_vendor, url)
        yield url


@pytest.fixture
def loaded(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


def publish(vendor: Sandbox, session: date) -> None:
    vendor.post("/publish", {"exchange": "US", "date": str(session)})


def night_of(session: date, vendor: Sandbox, url: str) -> int:
    """Update in the morning after a session, prove the result, and return what it cost."""
    publish(vendor, session)
    morning = datetime(session.year, session.month, session.day, 12, tzinfo=UTC)
    figures = update_at(morning + timedelta(days=1), vendor, url).as_dict()
    counts = differences(url, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)
    assert not any(broken_invariants(PostgresConnection(url)).values())
    return int(figures["calls"])


def test_names_that_seldom_trade_cost_one_look_a_session(vendor: Sandbox, loaded: str) -> None:
    """A name that trades on each third session has a gap each time."""
    first, second, *spent = [
        night_of(session, vendor, loaded) for session in SESSIONS[LOADED + 1 :]
    ]
    # A load leaves the cursor at the last bar: who has none of Friday is asked once.
    assert first == PROBES + BULK + LOOK + sum(n % 3 != LOADED % 3 for n in range(SELDOM))
    # The sessions before the first night have never been looked at again.
    assert second <= BULK + 2 * LOOK
    monday = [session.weekday() for session in SESSIONS[LOADED + 3 :]].index(0)
    assert spent.pop(monday) == PROBES + BULK + LOOK
    assert set(spent) == {BULK + LOOK}
    # Names that are read together may be alike: what they all skip was a session.
    assert value(loaded, "SELECT count(*) FROM learned_sessions") == 0


def test_many_late_bars_come_with_one_look_at_their_session(vendor: Sandbox, loaded: str) -> None:
    monday, tuesday = SESSIONS[LOADED + 1 : LOADED + 3]
    assert night_of(monday, vendor, loaded) <= BULK + SELDOM
    forget(loaded, monday, "symbol LIKE 'D%' AND right(symbol, 3)::int < 150")
    # Friday was compared again on the first night, so no gap that begins before it is in doubt.
    assert night_of(tuesday, vendor, loaded) == BULK + LOOK
    assert value(loaded, "SELECT count(*) FROM rechecked_sessions") == 2


def forget(url: str, session: date, which: str) -> None:
    """Make a session of some assets as if the vendor had not had it yet."""
    execute(
        url,
        "DELETE FROM market_data m USING assets a"  # noqa: S608 - nothing but our own words
        f" WHERE m.asset_id = a.id AND m.date = '{session}' AND {which}",
        "UPDATE sync_log l SET received = received - 1, inserted = inserted - 1"  # noqa: S608
        f" FROM assets a WHERE l.asset_id = a.id AND l.arrived @> '{session}'::date AND {which}",
        f"UPDATE assets a SET last_bar = (SELECT max(date) FROM market_data WHERE asset_id = a.id)"  # noqa: S608
        f" WHERE {which}",
    )
