"""A rename keeps the asset, a reused code makes another; no list loses an id."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from data_nexus.database.connection import PostgresConnection
from data_nexus.domain.listings.listing import Listing, SymbolChange
from data_nexus.domain.symbol import Symbol
from data_nexus.research.universe import read_listings
from tests.support.campaign import search, sized
from tests.support.postgres.tables import execute, rows, snapshot, value
from tests.support.postgres.workers import Worker, bars_from, batch_for
from tests.support.vendor.listings import (
    chain,
    day,
    ids,
    listing,
    listings,
    moment,
    store,
    symbols,
    universe,
)

FIRST = date(2024, 1, 1)
FACEBOOK = "US30303M1027"
EXAMPLES = sized(20, 500)


def test_a_renamed_listing_keeps_its_id_its_bars_and_its_cursor(
    worker: Worker, database_url: str
) -> None:
    store(database_url, 0, [listing("FB", "Facebook Inc", FACEBOOK), *listings("A")])
    (lease,) = worker.claim(ids=[ids(database_url)["FB"]])
    worker.commit(batch_for(lease, bars_from(FIRST, 1, 2, 3)))
    kept = "SELECT id, last_synced, synced_through FROM assets WHERE isin = %s"
    before = [*rows(database_url, kept, FACEBOOK), *snapshot(database_url, "market_data").values()]
    changes = store(database_url, 1, [listing("META", "Meta Platforms", FACEBOOK), *listings("A")])
    assert (changes.added, changes.deactivated, changes.updated) == (0, 0, 1)
    after = [*rows(database_url, kept, FACEBOOK), *snapshot(database_url, "market_data").values()]
    assert after == before
    assert chain(database_url, lease.asset_id) == [
        ("FB", "listed", False),
        ("META", "renamed: same ISIN", True),
    ]
    assert [symbols(database_url, day(week)) for week in (0, 1)] == [["A", "FB"], ["A", "META"]]


def test_a_worker_that_asks_under_the_old_code_writes_nothing_more(
    worker: Worker, database_url: str
) -> None:
    store(database_url, 0, [listing("FB", isin=FACEBOOK)])
    (lease,) = worker.claim()
    store(database_url, 1, [listing("META", isin=FACEBOOK)])
    assert worker.commit(batch_for(lease, bars_from(FIRST, 1, 2))) == [None]
    (again,) = worker.claim()
    assert (again.asset_id, str(again.symbol)) == (lease.asset_id, "META.US")


def test_a_rename_raises_the_fence(database_url: str) -> None:
    """A session in bulk that has read the asset under its old code writes nothing of it."""
    store(database_url, 0, [listing("FB", isin=FACEBOOK)])
    fence = "SELECT fence FROM assets"
    before = value(database_url, fence)
    store(database_url, 1, [listing("META", isin=FACEBOOK)])
    assert value(database_url, fence) > before


def test_a_renamed_asset_that_rests_is_asked_for_under_its_new_code(
    worker: Worker, database_url: str
) -> None:
    """That the vendor had no bars under the old code says nothing of the new one."""
    store(database_url, 0, [listing("FB", isin=FACEBOOK), *listings("A")])
    execute(
        database_url,
        "UPDATE assets SET ask_after = now() + interval '60 days', times_empty = 7,"
        " times_failed = 3",
    )
    store(database_url, 1, [listing("META", isin=FACEBOOK), *listings("A")])
    (lease,) = worker.claim()
    assert (str(lease.symbol), lease.times_empty) == ("META.US", 0)
    failed = "SELECT times_failed FROM assets ORDER BY symbol"
    assert rows(database_url, failed) == [(3,), (0,)], "the other rests as before"


def test_the_vendor_s_word_renames_what_has_no_isin(database_url: str) -> None:
    store(database_url, 0, listings("SQ", "A"))
    asset_id = ids(database_url)["SQ"]
    told = SymbolChange("US", "SQ", "XYZ", "Block Inc", day(1))
    elsewhere = SymbolChange("LSE", "A", "XYZ", "Other", day(1))
    store(database_url, 1, [listing("XYZ", "Block Inc"), *listings("A")], told, elsewhere)
    assert ids(database_url)["XYZ"] == asset_id
    assert chain(database_url, asset_id)[-1] == (
        "XYZ",
        "renamed: the vendor's change history",
        True,
    )


def test_codes_are_passed_on_in_a_ring(database_url: str) -> None:
    isins = {"A": "US1", "B": "US2", "C": "US3"}
    store(database_url, 0, [listing(code, isin=isins[code]) for code in "ABC"])
    before = ids(database_url)
    store(
        database_url,
        1,
        [listing(new, f"{old} Inc", isins[old]) for old, new in zip("ABC", "BCA", strict=True)],
    )
    assert ids(database_url) == {"B": before["A"], "C": before["B"], "A": before["C"]}
    assert value(database_url, "SELECT count(*) FROM assets") == 3


def test_a_new_company_under_a_vanished_code_is_another_asset(
    worker: Worker, database_url: str
) -> None:
    store(database_url, 0, [listing("SG", "Sirius Insurance"), *listings("A")])
    old = ids(database_url)["SG"]
    (lease,) = worker.claim(ids=[old])
    worker.commit(batch_for(lease, bars_from(FIRST, 1, 2, 3)))
    bars = snapshot(database_url, "market_data")
    store(database_url, 1, listings("A"))
    changes = store(database_url, 2, [listing("SG", "Sweetgreen Inc"), *listings("A")])
    assert (changes.added, changes.reactivated) == (1, 0)
    assert ids(database_url)["SG"] != old
    assert snapshot(database_url, "market_data") == bars
    facts = "SELECT retired_at, is_delisted FROM assets WHERE id = %s"
    assert rows(database_url, facts, old) == [(moment(2), True)]
    chains = read_listings(PostgresConnection(database_url), Symbol("SG", "US"))
    assert [
        (each.asset.asset_id == old, each.asset.name, each.asset.retired_at, len(each.listings))
        for each in chains
    ] == [(True, "Sirius Insurance", moment(2), 1), (False, "Sweetgreen Inc", None, 1)]


def test_a_retired_asset_that_the_dead_list_calls_old_gets_that_code(database_url: str) -> None:
    store(database_url, 0, [listing("SG", "Sirius Insurance"), *listings("A")])
    old = ids(database_url)["SG"]
    store(database_url, 1, listings("A"))
    store(database_url, 2, [listing("SG", "Sweetgreen Inc"), *listings("A")])
    dead = [listing("SG_old", "Sirius Insurance"), listing("GM_old", "General Motors")]
    store(database_url, 2, dead, delisted=True)
    assert ids(database_url)["SG_old"] == old
    facts = "SELECT is_delisted, retired_at FROM assets WHERE id = %s"
    assert rows(database_url, facts, old) == [(True, None)]
    assert chain(database_url, old) == [
        ("SG", "listed", False),
        ("SG_old", "renamed: its code was reused", False),
    ]
    assert symbols(database_url, day(2)) == ["A", "SG"]
    before = snapshot(database_url, "assets", "listings")
    store(database_url, 3, dead, delisted=True)
    assert snapshot(database_url, "assets", "listings") == before


def test_an_asset_taken_for_its_successor_is_parted_when_the_dead_list_tells(
    database_url: str,
) -> None:
    store(database_url, 0, [listing("AAPL", "Apple Inc", "US1")])
    old = ids(database_url)["AAPL"]
    store(database_url, 1, [listing("AAPL", "Apple & Sons")])
    assert ids(database_url) == {"AAPL": old}
    changes = store(database_url, 2, [listing("AAPL_old", "Apple Inc", "US1")], delisted=True)
    assert changes.added == 1
    assert ids(database_url)["AAPL_old"] == old
    assert [(row["asset_id"], row["name"]) for row in universe(database_url, day(2))] == [
        (ids(database_url)["AAPL"], "Apple & Sons")
    ]
    assert [(row["asset_id"], row["name"]) for row in universe(database_url, day(0))] == [
        (old, "Apple Inc")
    ]


def test_a_doubtful_return_stays_the_same_asset_and_is_told(database_url: str) -> None:
    store(database_url, 0, [listing("AACI", "Armada Acquisition Corp I"), *listings("A")])
    old = ids(database_url)["AACI"]
    store(database_url, 1, listings("A"))
    back = [listing("AACI", "Armada Acquisition Corp II"), *listings("A")]
    changes = store(database_url, 2, back)
    assert [doubt.code for doubt in changes.succession.doubts] == ["AACI"]
    assert ids(database_url)["AACI"] == old
    assert store(database_url, 3, back).succession.doubts == ()


def test_a_truncated_list_renames_nobody_and_adds_no_double(database_url: str) -> None:
    store(database_url, 0, [listing("FB", isin=FACEBOOK), *listings(*"ABCD")])
    before = snapshot(database_url, "assets")
    cut = [listing("META", isin=FACEBOOK), *listings("A")]
    changes = store(database_url, 1, cut, max_shrink=0.2)
    assert (changes.is_shrunk, changes.added) == (True, 0)
    assert [doubt.code for doubt in changes.succession.doubts] == ["META"]
    assert snapshot(database_url, "assets") == before
    store(database_url, 2, [listing("META", isin=FACEBOOK), *listings(*"ABCD")])
    assert value(database_url, "SELECT count(*) FROM assets") == 5


LINES = st.builds(
    listing,
    st.sampled_from(["A", "B", "C", "D"]),
    st.sampled_from(["Alpha Inc", "Beta Corp", "Alpha Beta", "Gamma"]),
    st.sampled_from(["", "US1", "US2", "US3"]),
)
LISTS = st.lists(LINES, min_size=1, max_size=4, unique_by=lambda line: line.symbol)
_TABLES = ("assets", "listings")


@pytest.mark.sized(EXAMPLES, "histories")
@search(EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LISTS, min_size=1, max_size=5))
def test_whatever_the_lists_no_id_is_lost_and_a_replayed_list_changes_nothing(
    database_url: str, history: list[list[Listing]]
) -> None:
    execute(database_url, "TRUNCATE assets, listings, discoveries")
    seen: set[int] = set()
    for week, listed in enumerate(history):
        store(database_url, 2 * week, listed)
        settled = snapshot(database_url, *_TABLES)
        store(database_url, 2 * week + 1, listed)
        assert snapshot(database_url, *_TABLES) == settled
        now = {row[0] for row in rows(database_url, "SELECT id FROM assets")}
        assert seen <= now
        seen = now
    for week, listed in enumerate(history):
        codes = sorted(line.symbol.code for line in listed)
        assert symbols(database_url, day(2 * week)) == codes
