"""What a vendor reports too late: right one session after it has corrected itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

import data_nexus as nexus
from data_nexus.config import load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.database.reader.status import overview
from data_nexus.domain.planning.plan import Purpose, StepKind
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.nights import load_all, plan_at, update_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

FRIDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (
    date(2026, 11, 6),
    date(2026, 11, 9),
    date(2026, 11, 10),
    date(2026, 11, 11),
    date(2026, 11, 12),
)
IN_BULK, SINGLY = 640, 40


@pytest.fixture(scope="module", params=[IN_BULK, SINGLY], ids=["in bulk", "singly"])
def symbols(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def vendor(symbols: int) -> Iterator[Sandbox]:
    """A vendor on Friday evening."""
    with sandbox(
        now="2026-11-12T22:00:00",
        symbols=symbols,
        bars_per_symbol=25,
        clean=True,
        minute_limit=1_000_000,
    ) as running:
        running.post("/limits", {"daily": 10_000_000})
        publish(running, FRIDAY)
        yield running


@pytest.fixture(scope="module")
def loaded_once(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, symbols: int
) -> Iterator[str]:
    with (
        cluster.fresh_database() as url,
        sandbox(
            now="2026-11-12T22:00:00",
            symbols=symbols,
            bars_per_symbol=25,
            clean=True,
            minute_limit=1_000_000,
        ) as running,
    ):
        publish(running, FRIDAY)
        commands = commands_at(tmp_path_factory.mktemp("home"), running, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(running, url)
        execute(url, "DELETE FROM quota_ledger", "UPDATE assets SET actions_wanted_at = NULL")
        yield url


@pytest.fixture
def loaded(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


def publish(vendor: Sandbox, session: date) -> None:
    vendor.post("/publish", {"exchange": "US", "date": str(session)})


def night(vendor: Sandbox, url: str, session: date) -> dict[str, Any]:
    """Update in the morning after a session."""
    publish(vendor, session)
    now = datetime(session.year, session.month, session.day, 12, tzinfo=UTC) + timedelta(1)
    report = update_at(now, vendor, url, look_back=1)
    assert report.ended_by is None
    return report.as_dict()


def test_last_bars_that_were_lost_are_not_taken_for_late_ones(vendor: Sandbox, loaded: str) -> None:
    """Nor painted over: the whole history is read, and the books are right."""
    night(vendor, loaded, MONDAY)
    gone = "DELETE FROM market_data m USING assets a WHERE a.id = m.asset_id AND m.date"
    execute(loaded, f"{gone} = '{MONDAY}' AND a.symbol = 'AAPL'")
    execute(loaded, f"{gone} >= '2026-11-03' AND a.symbol = 'MSFT'")
    night(vendor, loaded, TUESDAY)
    assert not any(broken_invariants(PostgresConnection(loaded)).values())
    counts = differences(loaded, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)
    assert value(loaded, "SELECT sum(lost) FROM sync_log") == 6


@pytest.mark.parametrize("ratio", ["2/1", "4/1"])
def test_a_split_that_is_told_a_session_late_is_worked_in_then(
    vendor: Sandbox, loaded: str, ratio: str
) -> None:
    vendor.post("/behaviours", {"name": "late-actions", "symbols": ["AAPL.US"], "sessions": 1})
    vendor.post("/actions", {"symbol": "AAPL.US", "date": str(MONDAY), "split": ratio})
    night(vendor, loaded, MONDAY)
    assert value(loaded, "SELECT count(*) FROM splits WHERE date = %s", MONDAY) == 0
    night(vendor, loaded, TUESDAY)
    assert value(loaded, "SELECT count(*) FROM splits WHERE date = %s", MONDAY) == 1
    counts = differences(loaded, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)
    assert value(loaded, "SELECT count(*) FROM suspicions WHERE reason LIKE 'an action%%'") == 0


def test_a_split_that_is_never_worked_in_is_read_because_the_price_steps(
    vendor: Sandbox, loaded: str
) -> None:
    """By a plain ratio, though adjusted closes do not; once read, it is not asked for again."""
    vendor.post("/behaviours", {"name": "unadjusted", "symbols": ["AAPL.US"]})
    vendor.post("/actions", {"symbol": "AAPL.US", "date": str(MONDAY), "split": "2/1"})
    night(vendor, loaded, MONDAY)
    night(vendor, loaded, TUESDAY)
    assert value(loaded, "SELECT count(*) FROM splits WHERE date = %s", MONDAY) == 1
    read = "SELECT actions_read_at FROM assets WHERE symbol = 'AAPL'"
    read_at = value(loaded, read)
    night(vendor, loaded, WEDNESDAY)
    assert value(loaded, read) == read_at


def test_a_split_that_lies_among_several_new_bars_is_suspected_until_it_is_worked_in(
    vendor: Sandbox, loaded: str
) -> None:
    vendor.post("/behaviours", {"name": "late-rebasing", "symbols": ["AAPL.US"], "sessions": 2})
    vendor.post("/actions", {"symbol": "AAPL.US", "date": str(MONDAY), "split": "2/1"})
    publish(vendor, MONDAY)
    night(vendor, loaded, TUESDAY)
    leap = "SELECT min(session) FROM suspicions WHERE reason = 'its price leaps'"
    assert value(loaded, leap) == MONDAY
    night(vendor, loaded, WEDNESDAY)
    night(vendor, loaded, THURSDAY)
    assert value(loaded, leap) is None
    counts = differences(loaded, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)


def test_a_leap_that_was_accepted_is_not_read_again_though_the_session_is_looked_at_again(
    vendor: Sandbox, loaded: str
) -> None:
    """Of two prices that halve and are never adjusted."""
    for symbol in ("AAPL.US", "MSFT.US"):
        halved = {"date": str(MONDAY), "split": "2/1", "reported": False}
        vendor.post("/actions", {"symbol": symbol, **halved})
    vendor.post("/behaviours", {"name": "unadjusted", "symbols": ["AAPL.US", "MSFT.US"]})
    night(vendor, loaded, MONDAY)
    with nexus.connect(loaded) as db:
        assert {*db.suspicions()["ticker"].to_pylist()} >= {"AAPL.US", "MSFT.US"}
        assert db.accept_suspicions("AAPL.US") == 1
    night(vendor, loaded, TUESDAY)
    night(vendor, loaded, WEDNESDAY)
    read = (
        "SELECT DISTINCT a.symbol FROM sync_log l JOIN assets a ON a.id = l.asset_id"
        " WHERE l.cause = 'suspicion' AND a.symbol IN ('AAPL', 'MSFT')"
    )
    assert rows(loaded, read) == [("MSFT",)]
    with nexus.connect(loaded) as db:
        assert "AAPL.US" not in db.suspicions()["ticker"].to_pylist()
        assert "MSFT.US" in db.suspicions()["ticker"].to_pylist()


def test_a_volume_that_is_settled_overnight_is_the_settled_one_a_session_later(
    vendor: Sandbox, loaded: str
) -> None:
    vendor.post("/behaviours", {"name": "unsettled-volume", "symbols": ["AAPL.US"]})
    night(vendor, loaded, MONDAY)
    evening = value(loaded, _VOLUME, MONDAY)
    night(vendor, loaded, TUESDAY)
    assert value(loaded, _VOLUME, MONDAY) != evening
    before = (
        "SELECT count(*) FROM market_data_revisions r JOIN assets a ON a.id = r.asset_id"
        " WHERE a.symbol = 'AAPL' AND r.date = %s AND r.volume = %s"
    )
    assert value(loaded, before, MONDAY, evening) == 1
    counts = differences(loaded, truth(vendor))
    assert (counts["lost"], counts["invented"]) == (0, 0)


_VOLUME = (
    "SELECT m.volume FROM market_data m JOIN assets a ON a.id = m.asset_id"
    " WHERE a.symbol = 'AAPL' AND m.date = %s"
)


def test_an_asset_that_is_always_a_session_late_lacks_one_session_and_never_two(
    vendor: Sandbox, loaded: str
) -> None:
    vendor.post("/behaviours", {"name": "late", "symbols": ["AAPL.US"]})
    last = "SELECT last_bar FROM assets WHERE symbol = 'AAPL'"
    for before, session in ((FRIDAY, MONDAY), (MONDAY, TUESDAY), (TUESDAY, WEDNESDAY)):
        night(vendor, loaded, session)
        assert value(loaded, last) == before
    settled = "SELECT settled_through FROM assets WHERE symbol = 'AAPL'"
    assert value(loaded, settled) <= TUESDAY


def test_what_is_not_settled_is_counted_as_provisional(vendor: Sandbox, loaded: str) -> None:
    """By the real clock, weeks before the vendor's: the bars are all ahead of it."""
    night(vendor, loaded, MONDAY)
    assets = overview(PostgresConnection(loaded), load_settings({"database_url": loaded})).assets
    assert assets["provisional"] == assets["with_data"]


OPEN_ONES = "SELECT count(*) FROM suspicions WHERE reason = 'its last bars were not compared again'"
SETTLED = "SELECT settled_through FROM assets WHERE symbol = 'AAPL'"
NOT_SETTLED = "SELECT count(*) FROM assets WHERE last_bar = %s AND settled_through < %s"


def test_an_asset_that_misses_one_settlement_is_read_in_the_next_update_and_goes_on(
    vendor: Sandbox, loaded: str
) -> None:
    night(vendor, loaded, MONDAY)
    execute(loaded, "UPDATE assets SET settled_through = '2026-11-04' WHERE symbol = 'AAPL'")
    night(vendor, loaded, TUESDAY)
    in_bulk = value(loaded, "SELECT count(*) FROM assets") > SINGLY
    assert value(loaded, OPEN_ONES) == int(in_bulk), "an individual read leaves nothing open"
    plan = plan_at(datetime(2026, 11, 12, 12, tzinfo=UTC), vendor, loaded, look_back=1)
    suspected = [each.calls for each in plan.steps if each.purpose is Purpose.SUSPICION]
    assert suspected == [1] * in_bulk
    night(vendor, loaded, WEDNESDAY)
    assert value(loaded, OPEN_ONES) == 0
    assert value(loaded, SETTLED) == TUESDAY
    night(vendor, loaded, THURSDAY)
    assert value(loaded, SETTLED) == WEDNESDAY


def test_a_session_that_many_were_not_compared_at_is_compared_in_bulk_later(
    vendor: Sandbox, loaded: str, symbols: int
) -> None:
    """As after a look back that failed: that costs one bulk request, and no single history."""
    in_bulk = symbols == IN_BULK
    night(vendor, loaded, MONDAY)
    execute(loaded, "UPDATE assets SET settled_through = '2026-11-04'")
    plan = plan_at(datetime(2026, 11, 11, 12, tzinfo=UTC), vendor, loaded, look_back=1)
    looked = {each.kind: each.sessions for each in plan.steps if each.purpose is Purpose.LOOK_BACK}
    steps = {StepKind.BULK: 3, StepKind.SPLITS: 1, StepKind.DIVIDENDS: 1}
    assert looked == (steps if in_bulk else {})
    figures = night(vendor, loaded, TUESDAY)
    compared = [each["session"] for each in figures["looked_back"]]
    assert compared == (["2026-11-05", "2026-11-06", "2026-11-09"] if in_bulk else [])
    assert sum(each["calls"] for each in figures["looked_back"]) == 500 * in_bulk
    assert value(loaded, NOT_SETTLED, TUESDAY, MONDAY) == 0
    assert value(loaded, OPEN_ONES) == 0
