"""A session in bulk enters set-wise: bars, cursors and log together, or nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import psycopg
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.database.store import open_store
from data_nexus.database.store.bulk.sessions import Advanced, CandidateIndex
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.validation.bulk_session import RejectedBulkRow
from data_nexus.errors import RowsRefused
from data_nexus.ingestion.nightly.bulk_session import decode_session
from tests.support.postgres.bulk_sessions import FRIDAY, MONDAY, REACH, THURSDAY, Bulk
from tests.support.postgres.postgres_proxy import Fate, proxy_before
from tests.support.postgres.tables import add_assets, eventually, execute, rows, snapshot, value
from tests.support.postgres.workers import Worker, ago, bars_from, batch_for


@pytest.fixture
def bulk(database_url: str) -> Iterator[Bulk]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        store = runner.run(stack.enter_async_context(open_store(database_url, "public", 2, 60)))
        try:
            yield Bulk(store.sessions, store.session_feeds, runner)
        finally:
            runner.run(stack.aclose())


def told(code: str, close: float = 5.0, **other: object) -> dict[str, object]:
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    known = {"code": code, "exchange_short_name": "US", "date": str(MONDAY), "volume": 5}
    return {**known, **prices, "adjusted_close": close / 2, **other}


@pytest.fixture
def assets(worker: Worker, database_url: str) -> dict[str, int]:
    """Assets with bars up to Friday; their adjusted closes are half of their closes."""
    codes = ("A", "B", "C", "D")
    ids = add_assets(database_url, *codes, venue="NYSE", asset_type="Common Stock")
    leases = worker.claim(days_old=0)
    worker.commit(*(batch_for(lease, bars_from(THURSDAY, 4.0, 5.0)) for lease in leases))
    return dict(zip(codes, ids, strict=True))


def state(url: str, code: str) -> tuple[object, ...]:
    (found,) = rows(
        url,
        "SELECT synced_through, last_bar, fence, times_empty, lease_owner FROM assets"
        " WHERE symbol = %s",
        code,
    )
    return found


def test_bars_cursors_and_log_enter_together(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    carried = bulk.advance(told("A", 6.0), told("B", close=0), told("C", volume=0), told("X"))
    assert carried.rejected_rules == ("close is above zero",)
    ends = ("stored", "absent", "rejected", "to_fetch")
    assert [len(getattr(carried.classified, end)) for end in ends] == [2, 1, 1, 0]
    new = "SELECT symbol, close, adjusted_close FROM market_data JOIN assets a ON a.id = asset_id"
    assert rows(database_url, new + " WHERE date = %s ORDER BY 1", MONDAY) == [
        ("A", 6.0, 3.0),
        ("C", 5.0, 2.5),
    ]
    assert state(database_url, "A") == (MONDAY, MONDAY, 2, 0, None)
    assert state(database_url, "B") == (MONDAY, FRIDAY, 2, 1, None)
    assert state(database_url, "D") == (MONDAY, FRIDAY, 2, 1, None)
    log = (
        "SELECT symbol, outcome, received, inserted, rejected, flagged, run_id, arrived::text"
        " FROM sync_log JOIN assets a ON a.id = asset_id WHERE window_first = %s ORDER BY 1"
    )
    only, arrived = {"volume is above zero": 1}, "{[2026-11-09,2026-11-10)}"
    assert rows(database_url, log, MONDAY) == [
        ("A", "stored", 1, 1, 0, {}, 7, arrived),
        ("B", "stored", 1, 0, 1, {}, 7, None),
        ("C", "stored", 1, 1, 0, only, 7, arrived),
        ("D", "empty", 0, 0, 0, {}, 7, None),
    ]
    assert rows(database_url, "SELECT asset_id, date, rule FROM rejected_rows") == [
        (assets["B"], MONDAY, "close is above zero")
    ]
    assert set(broken_invariants(PostgresConnection(database_url)).values()) == {0}


def test_doing_it_again_changes_nothing(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    del assets
    bulk.advance(*map(told, "ABCD"))
    before = snapshot(database_url)
    assert len(bulk.advance(*map(told, "ABCD")).classified.stored) == 0
    assert snapshot(database_url) == before


def test_a_survey_tells_who_lacks_the_session_and_none_before_it(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    execute(
        database_url,
        "UPDATE assets SET synced_through = '2026-11-05' WHERE symbol = 'A'",
        "UPDATE assets SET synced_through = '2026-11-09' WHERE symbol = 'B'",
        "UPDATE assets SET venue = 'PINK' WHERE symbol = 'C'",
    )
    assert bulk.survey() == CandidateIndex(
        {"D": FRIDAY}, ((assets["D"], assets["D"]),), {"D": "Common Stock"}
    )


def test_who_is_left_and_who_is_leased_is_not_touched(
    bulk: Bulk, worker: Worker, assets: dict[str, int], database_url: str
) -> None:
    worker.claim(days_old=0, ids=[assets["A"]])
    execute(
        database_url,
        "DELETE FROM market_data m USING assets a"
        " WHERE a.id = m.asset_id AND a.symbol = 'B' AND m.date = '2026-11-06'",
        "UPDATE assets SET last_bar = '2026-11-05' WHERE symbol = 'B'",
        "UPDATE assets SET ask_after = now() + interval '1 day' WHERE symbol = 'C'",
    )
    before = [state(database_url, code) for code in "ABC"]
    carried = bulk.advance(*map(told, "ABCD"))
    assert (len(carried.classified.stored), len(carried.classified.to_fetch)) == (1, 1)
    assert [state(database_url, code) for code in "ABC"] == before
    assert value(database_url, "SELECT count(*) FROM market_data WHERE date = '2026-11-09'") == 1


def test_a_suspect_is_left_to_be_fetched_alone(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    execute(database_url, "UPDATE assets SET times_rescued = 1 WHERE symbol = 'A'")
    assert len(bulk.advance(*map(told, assets)).classified.stored) == 3
    assert state(database_url, "A")[0] == FRIDAY


def test_an_asset_leased_at_the_last_moment_gets_no_bar(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    """Between the look at the assets and the write, a trigger plays the other worker."""
    del assets
    execute(
        database_url,
        "CREATE FUNCTION lease_a() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.symbol = 'A' THEN RETURN NULL; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER lease_a BEFORE UPDATE ON assets FOR EACH ROW EXECUTE FUNCTION lease_a()",
    )
    carried = bulk.advance(*map(told, "ABCD"))
    assert len(carried.classified.stored) == 3
    assert state(database_url, "A")[0] == FRIDAY
    assert value(database_url, "SELECT count(*) FROM market_data WHERE date = '2026-11-09'") == 3


def test_an_asset_that_was_advanced_meanwhile_is_left_out(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    """Another update holds its row until this one has read it and is about to write."""
    del assets
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(database_url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("UPDATE assets SET fence = fence + 1 WHERE symbol = 'A'")
        advancing = pool.submit(bulk.advance, *map(told, "ABCD"))
        eventually(lambda: value(database_url, waiting))
        other.commit()
        carried = advancing.result()
    assert len(carried.classified.stored) == 3
    assert state(database_url, "A") == (FRIDAY, FRIDAY, 2, 0, None)


def test_a_failure_leaves_nothing(bulk: Bulk, assets: dict[str, int], database_url: str) -> None:
    del assets
    execute(
        database_url,
        "ALTER TABLE market_data ADD CONSTRAINT odd CHECK (close <> 7)",
    )
    before = snapshot(database_url)
    with pytest.raises(RowsRefused):
        bulk.advance(told("A"), told("B", 7.0), told("C"), told("D"))
    assert snapshot(database_url) == before


@pytest.mark.parametrize("fate", Fate)
def test_a_commit_without_an_answer_is_done_once_and_counted_once(
    assets: dict[str, int], database_url: str, fate: Fate
) -> None:
    """The server dawdles at COMMIT, so that one of unknown outcome may still be under way."""
    execute(
        database_url,
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON rejected_rows"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()",
    )

    async def advance() -> Advanced:
        async with (
            proxy_before(database_url) as proxy,
            open_store(proxy.url, "public", 2, lease_sec=60) as store,
        ):
            sheet = decode_session(
                json.dumps([told("A"), told("B", 0.0), told("C")]).encode(), "US", MONDAY, str
            )
            proxy.fate = fate
            found = await store.sessions.advance(REACH, sheet, FRIDAY, 7, (1, 100))
            assert proxy.struck == 1
            return found

    carried = asyncio.run(advance())
    assert [len(getattr(carried.classified, n)) for n in ("stored", "absent", "rejected")] == [
        2,
        1,
        1,
    ]
    assert {state(database_url, code)[2] for code in assets} == {2}
    new = "SELECT count(*) FROM sync_log WHERE window_first = '2026-11-09'"
    assert value(database_url, new) == 4
    assert value(database_url, "SELECT count(*) FROM rejected_rows") == 1


def test_a_bar_beyond_the_cursor_leaves_the_asset_to_be_asked_for_by_itself(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    execute(
        database_url,
        "INSERT INTO market_data SELECT id, '2026-11-09', 1, 1, 1, 1, 1, 1 FROM assets"
        " WHERE symbol = 'A'",
    )
    carried = bulk.advance(*map(told, "ABCD"))
    assert [carried.classified.to_fetch.tolist(), len(carried.classified.stored)] == [[0], 3]
    assert assets["A"] == 1


def test_actions_of_a_day_are_stored_once_and_replaced(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    split = {"A": (Split(MONDAY, 4, 1),), "X": (Split(MONDAY, 2, 1),)}
    paid = [Dividend(date=MONDAY, value=each, currency="USD") for each in (0.5, 2.0)]
    for told_now in (paid, paid, paid[:1]):
        bulk.runner.run(bulk.feeds.store_actions("US", split, {"B": told_now}))
    split_rows = "SELECT asset_id, date, numerator, denominator FROM splits"
    assert rows(database_url, split_rows) == [(assets["A"], MONDAY, 4, 1)]
    assert rows(database_url, "SELECT asset_id, value FROM dividends") == [(assets["B"], 0.5)]


@pytest.fixture
def retired(assets: dict[str, int], database_url: str) -> int:
    """An asset that had the code A before, and that also lacks Monday's session alone."""
    (asset_id,) = add_assets(
        database_url,
        "A",
        venue="NYSE",
        asset_type="Common Stock",
        synced_through=FRIDAY,
        last_bar=FRIDAY,
        last_synced=ago(3),
        retired_at=ago(1),
    )
    copied = (
        "INSERT INTO market_data SELECT %s, date, open, high, low, close, adjusted_close, volume"
        " FROM market_data WHERE asset_id = %s"
    )
    rows(database_url, copied, asset_id, assets["A"])
    return asset_id


def test_a_bar_is_of_the_asset_that_has_its_code_now(
    bulk: Bulk, assets: dict[str, int], retired: int, database_url: str
) -> None:
    survey = bulk.survey()
    assert survey == CandidateIndex(
        dict.fromkeys("ABCD", FRIDAY),
        ((assets["A"], assets["D"]),),
        dict.fromkeys("ABCD", "Common Stock"),
    )
    bulk.advance(*map(told, "ABCD"))
    new = "SELECT asset_id FROM market_data WHERE date = %s ORDER BY 1"
    assert rows(database_url, new, MONDAY) == [(asset_id,) for asset_id in assets.values()]
    kept = "SELECT synced_through, last_bar, fence FROM assets WHERE id = %s"
    assert rows(database_url, kept, retired) == [(FRIDAY, FRIDAY, 0)]


def test_actions_and_rejected_rows_are_of_the_asset_that_has_their_code_now(
    bulk: Bulk, assets: dict[str, int], retired: int, database_url: str
) -> None:
    paid = Dividend(date=MONDAY, value=0.5, currency="USD")
    # Whichever of the two lies first in the table.
    for touched in (retired, assets["A"]):
        rows(database_url, "UPDATE assets SET name = name WHERE id = %s", touched)
        actions = ({"A": (Split(MONDAY, 4, 1),)}, {"A": (paid,)})
        bulk.runner.run(bulk.feeds.store_actions("US", *actions))
        unread = [RejectedBulkRow("A", "some rule", "{}"), RejectedBulkRow("X", "some rule", "{}")]
        assert bulk.runner.run(bulk.feeds.store_rejects("US", MONDAY, unread)) == 1
    found = (
        "SELECT asset_id FROM splits UNION ALL SELECT asset_id FROM dividends"
        " UNION ALL SELECT asset_id FROM rejected_rows"
    )
    assert rows(database_url, found) == [(assets["A"],)] * 3


def test_a_day_s_actions_leave_those_of_other_days(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    for day in (FRIDAY, MONDAY, THURSDAY):
        paid = dict.fromkeys(assets, (Dividend(date=day, value=0.5, currency="USD"),))
        split = dict.fromkeys(assets, (Split(day, 2, 1),))
        bulk.runner.run(bulk.feeds.store_actions("US", split, paid))
    stored = "SELECT s.date FROM splits s JOIN dividends d USING (asset_id, date) ORDER BY 1"
    assert rows(database_url, stored) == [(d,) for d in (THURSDAY, FRIDAY, MONDAY) for _ in assets]


def test_resting_assets_are_woken_by_a_bar(
    bulk: Bulk, assets: dict[str, int], database_url: str
) -> None:
    del assets
    execute(
        database_url, "UPDATE assets SET ask_after = now() + '1 day' WHERE symbol IN ('A', 'B')"
    )
    add_assets(database_url, "C", retired_at=MONDAY, ask_after=MONDAY)
    bulk.runner.run(bulk.store.requeue(REACH, {"A", "C"}))
    resting = "SELECT symbol FROM assets WHERE ask_after IS NOT NULL ORDER BY 1"
    assert rows(database_url, resting) == [("B",), ("C",)], "the bar is not the retired one's"
