"""A symbol list brings `assets` in line in one transaction; an unchanged one writes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any

import psycopg
import pytest

from data_nexus.database.store import open_store
from data_nexus.database.store.listings import DiscoveryContext, ListingChanges
from data_nexus.domain.listings.listing import Listing
from data_nexus.domain.symbol import Symbol
from data_nexus.eodhd.decode_symbols import decode_symbols
from data_nexus.errors import RowsRefused, StorageUnavailable
from tests.support.postgres.tables import execute, rows, snapshot, value
from tests.support.postgres.workers import ago
from tests.support.vendor.listings import store_list


def listing(code: str, name: str = "Name", kind: str = "Common Stock", isin: str = "") -> Listing:
    return Listing(Symbol(code, "US"), "NASDAQ", name, kind, "USA", "USD", isin)


def listings(*codes: str) -> list[Listing]:
    return [listing(code) for code in codes]


def store(
    url: str, listed: Sequence[Listing], *, delisted: bool = False, types: tuple[str, ...] = ()
) -> ListingChanges:
    return store_list(url, listed, delisted=delisted, types=types)


def counts(changes: ListingChanges) -> tuple[int, ...]:
    """Added, reactivated, deactivated, updated, unchanged."""
    return (
        changes.added,
        changes.reactivated,
        changes.deactivated,
        changes.updated,
        changes.unchanged,
    )


def codes(url: str, *, active: bool) -> list[str]:
    query = "SELECT symbol FROM assets WHERE is_active = %s ORDER BY symbol"
    return [row[0] for row in rows(url, query, active)]


def test_a_first_list_adds_all_of_it_never_answered(database_url: str) -> None:
    listed = [listing("AAPL", "Apple Inc", isin="US0378331005"), listing("SPY", "SPDR", "ETF")]
    assert counts(store(database_url, listed)) == (2, 0, 0, 0, 0)
    assert rows(
        database_url,
        "SELECT symbol, exchange, venue, name, asset_type, country, currency, isin"
        " FROM assets WHERE is_active AND NOT is_delisted AND last_synced IS NULL ORDER BY symbol",
    ) == [
        ("AAPL", "US", "NASDAQ", "Apple Inc", "Common Stock", "USA", "USD", "US0378331005"),
        ("SPY", "US", "NASDAQ", "SPDR", "ETF", "USA", "USD", None),
    ]


def test_an_unchanged_list_writes_nothing(database_url: str) -> None:
    listed = listings("A", "B", "C")
    store(database_url, listed)
    before = snapshot(database_url, "assets")
    assert counts(store(database_url, list(reversed(listed)))) == (0, 0, 0, 0, 3)
    assert snapshot(database_url, "assets") == before


@pytest.mark.parametrize("column", ["venue", "name", "asset_type", "country", "currency", "isin"])
def test_a_changed_listing_is_updated_and_only_that_one(database_url: str, column: str) -> None:
    first, second, third = listings("A", "B", "C")
    store(database_url, [first, second, third])
    before = snapshot(database_url, "assets")["assets"]
    change: dict[str, Any] = {column: "other"}
    changes = store(database_url, [first, replace(second, **change), third])
    assert counts(changes) == (0, 0, 0, 1, 2)
    after = snapshot(database_url, "assets")["assets"]
    assert len(set(before) & set(after)) == 2
    changed = "SELECT to_jsonb(assets) ->> %s FROM assets WHERE symbol = 'B'"
    assert value(database_url, changed, column) == "other"


def test_what_vanished_rests_and_what_returns_goes_on_where_it_was(database_url: str) -> None:
    store(database_url, listings("A", "B", "C", "D", "E", "F"))
    execute(
        database_url,
        "UPDATE assets SET last_synced = now(), fence = 4, ask_after = '9999-12-31'"
        " WHERE symbol = 'F'",
    )
    kept = listings("A", "B", "C", "D", "E")
    assert counts(store(database_url, kept)) == (0, 0, 1, 0, 5)
    assert codes(database_url, active=False) == ["F"]
    assert counts(store(database_url, kept)) == (0, 0, 0, 0, 5)
    assert counts(store(database_url, [*kept, listing("F")])) == (0, 1, 0, 0, 5)
    facts = "SELECT is_active, last_synced IS NOT NULL, fence, ask_after FROM assets"
    assert rows(database_url, facts + " WHERE symbol = 'F'") == [(True, True, 4, None)]


def test_a_list_that_lost_too_much_at_once_deactivates_nothing(database_url: str) -> None:
    store(database_url, listings(*"ABCDEFGHIJ"))
    changes = store(database_url, listings(*"ABCDEFG", "NEW"))
    assert (changes.is_shrunk, changes.missing, changes.active_before) == (True, 3, 10)
    assert counts(changes) == (1, 0, 0, 0, 7)
    assert codes(database_url, active=False) == []
    assert value(database_url, "SELECT count(*) FROM assets") == 11


def test_a_loss_of_exactly_the_accepted_share_is_believed(database_url: str) -> None:
    store(database_url, listings(*"ABCDEFGHIJ"))
    changes = store(database_url, listings(*"ABCDEFGH"))
    assert (changes.is_shrunk, changes.deactivated) == (False, 2)
    assert codes(database_url, active=False) == ["I", "J"]


@pytest.mark.parametrize("delisted", [True, False])
def test_an_empty_list_deactivates_nothing(database_url: str, *, delisted: bool) -> None:
    store(database_url, listings("A", "B"))
    store(database_url, [], delisted=delisted)
    assert codes(database_url, active=False) == []


def test_a_list_of_some_types_says_nothing_about_the_others(database_url: str) -> None:
    funds = [listing(f"F{n}", kind="FUND") for n in range(6)]
    store(database_url, [*listings("A", "B"), *funds])
    changes = store(database_url, funds[1:], types=("FUND",))
    assert counts(changes) == (0, 0, 1, 0, 5)
    assert codes(database_url, active=False) == ["F0"]


def test_a_list_says_nothing_about_another_exchange(database_url: str) -> None:
    """Neither when it brings what is new nor when it lacks what was there."""
    execute(database_url, "INSERT INTO assets (symbol, exchange) VALUES ('A', 'LSE'), ('Z', 'LSE')")
    store(database_url, listings(*"ABCDE"))
    assert store(database_url, listings(*"ABCD")).deactivated == 1
    active = "SELECT symbol, name FROM assets WHERE is_active AND exchange = %s ORDER BY 1"
    assert rows(database_url, active, "LSE") == [("A", ""), ("Z", "")]
    assert rows(database_url, active, "US") == [(code, "Name") for code in "ABCD"]


def test_the_list_of_the_dead_adds_them_marked_and_deactivates_nobody(database_url: str) -> None:
    store(database_url, listings("A", "B"))
    assert store(database_url, listings("DEAD", "DEAD_old"), delisted=True).added == 2
    assert rows(database_url, "SELECT symbol, is_active, is_delisted FROM assets ORDER BY id") == [
        ("A", True, False),
        ("B", True, False),
        ("DEAD", True, True),
        ("DEAD_old", True, True),
    ]
    before = snapshot(database_url, "assets")
    assert store(database_url, listings("DEAD", "DEAD_old"), delisted=True).unchanged == 2
    assert counts(store(database_url, listings("A", "B"))) == (0, 0, 0, 0, 2)
    assert snapshot(database_url, "assets") == before


def test_the_list_of_the_dead_counts_nobody_as_deactivated(database_url: str) -> None:
    store(database_url, listings("A", "B"))
    assert counts(store(database_url, listings("DEAD"), delisted=True)) == (1, 0, 0, 0, 0)


def test_a_code_both_listed_and_dead_stays_its_living_bearer_s(database_url: str) -> None:
    store(database_url, [listing("REUSED", "New Inc")])
    before = snapshot(database_url, "assets")
    assert counts(store(database_url, [listing("REUSED", "Old Inc")], delisted=True))[0] == 0
    assert snapshot(database_url, "assets") == before


def test_a_list_of_the_dead_with_news_leaves_living_bearers_alone(database_url: str) -> None:
    store(database_url, listings("A", "B"))
    changes = store(database_url, [listing("A", "Another"), listing("DEAD")], delisted=True)
    assert counts(changes) == (1, 0, 0, 0, 0)
    state = "SELECT symbol, name, is_delisted FROM assets WHERE symbol <> 'B' ORDER BY 1"
    assert rows(database_url, state) == [("A", "Name", False), ("DEAD", "Name", True)]


def test_a_listing_that_died_is_marked_and_its_last_bars_are_still_asked_for(
    database_url: str,
) -> None:
    store(database_url, listings("A", "B", "C", "D", "E", "GONE"))
    store(database_url, listings("A", "B", "C", "D", "E"))
    changes = store(database_url, listings("GONE"), delisted=True)
    assert changes.updated == 1
    facts = "SELECT is_active, is_delisted FROM assets WHERE symbol = 'GONE'"
    assert rows(database_url, facts) == [(True, True)]


def test_a_retired_asset_is_not_the_one_that_bears_its_code_now(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO assets (symbol, exchange, name, retired_at) VALUES ('A', 'US', 'Old', %s)",
            [ago(9)],
        )
    assert counts(store(database_url, listings("A"))) == (1, 0, 0, 0, 0)
    assert rows(database_url, "SELECT name, retired_at IS NULL FROM assets ORDER BY id") == [
        ("Old", False),
        ("Name", True),
    ]


HOSTILE = (
    "'; DROP TABLE assets; --",
    'O\'Hara "Works" Inc',
    "back\\slash \\. \\N",
    "tab\there and\nthere\r\n",
    "percent %s %(name)s {braces}",
    "\u202eright to left\u2066",
    "=cmd()|' /C calc'!A0",
    "é" * 4096,
    "\\",
    "",
    "emoji 📈 and 日本",
)


def test_hostile_names_are_stored_as_they_are(database_url: str) -> None:
    listed = [
        Listing(Symbol(f"S{n}", "US"), name, name, name, name, name, f"#{name}")
        for n, name in enumerate(HOSTILE)
    ]
    assert counts(store(database_url, listed)) == (len(HOSTILE), 0, 0, 0, 0)
    stored = rows(
        database_url,
        "SELECT venue, name, asset_type, country, currency, isin FROM assets ORDER BY id",
    )
    assert sorted(stored) == sorted(astuple(each)[1:] for each in listed)
    assert counts(store(database_url, listed)) == (0, 0, 0, 0, len(HOSTILE))


def test_a_nul_in_the_vendor_s_list_fails_no_list(database_url: str) -> None:
    names = ["a\0b", "  spaces  ", "x" * 4096, None]
    body = json.dumps([{"Code": f"S{n}", "Name": name} for n, name in enumerate(names)])
    assert store(database_url, decode_symbols(body.encode(), "US").listings).added == len(names)
    stored = [row[0] for row in rows(database_url, "SELECT name FROM assets ORDER BY symbol")]
    assert stored == ["ab", "spaces", "x" * 4096, ""]


def test_fifty_thousand_lines_are_ordinary(database_url: str) -> None:
    listed = [listing(f"S{n}", f"Company, {n} Inc") for n in range(50_000)]
    assert counts(store(database_url, listed)) == (50_000, 0, 0, 0, 0)
    before = value(database_url, "SELECT md5(string_agg(xmin::text || id, ',')) FROM assets")
    assert counts(store(database_url, listed)) == (0, 0, 0, 0, 50_000)
    after = value(database_url, "SELECT md5(string_agg(xmin::text || id, ',')) FROM assets")
    assert after == before


def test_a_list_that_breaks_off_changes_nothing(database_url: str) -> None:
    store(database_url, listings("A"))
    before = snapshot(database_url, "assets")
    with pytest.raises(RowsRefused):
        store(database_url, [*listings("B"), listing("BAD", name="a\0b"), *listings("C")])
    assert snapshot(database_url, "assets") == before


def test_two_lists_at_the_same_moment_add_each_symbol_once(database_url: str) -> None:
    listed = [listing(f"S{n}") for n in range(2000)]

    async def race() -> None:
        async with open_store(database_url, "public", 2, lease_sec=60) as opened:
            storing = (
                opened.listings.store("US", listed, delisted=False, types=(), max_shrink=0.2)
                for _ in range(3)
            )
            await asyncio.gather(*storing)

    asyncio.run(race())
    assert value(database_url, "SELECT count(*) FROM assets") == 2000


def test_a_database_that_is_not_there_is_named_as_such() -> None:
    with pytest.raises(StorageUnavailable):
        store("postgresql://nobody@127.0.0.1:1/none", listings("A"))


def test_a_code_whose_line_cannot_be_read_stays_as_it_is(database_url: str) -> None:
    store(database_url, [listing("A", "Name of A"), *listings("B", "C", "D", "E")])
    before = snapshot(database_url, "assets", "listings")
    context = DiscoveryContext(refused_codes=frozenset({"A", "NEVER"}))
    changes = store_list(database_url, listings("B", "C", "D", "E"), context)
    assert (counts(changes), changes.missing, changes.is_shrunk) == ((0, 0, 0, 0, 5), 0, False)
    assert snapshot(database_url, "assets", "listings") == before


def test_of_a_list_that_is_refused_for_the_most_part_nothing_vanishes(database_url: str) -> None:
    store(database_url, listings(*"ABCDEFGHIJ"))
    context = DiscoveryContext(refused_codes=frozenset("ABCDEFGH"))
    changes = store_list(database_url, listings("I"), context)
    assert (changes.deactivated, changes.missing) == (1, 1)
    assert codes(database_url, active=False) == ["J"]


def test_a_refused_code_brings_no_delisted_asset_back(database_url: str) -> None:
    store(database_url, listings("A", "B", "C", "D", "E", "F"))
    store(database_url, listings("A", "B", "C", "D", "E"))
    context = DiscoveryContext(refused_codes=frozenset({"F"}))
    store_list(database_url, listings("A", "B", "C", "D", "E"), context)
    assert codes(database_url, active=False) == ["F"]


@pytest.mark.parametrize(("unread", "gone"), [(0, ["E"]), (1, []), (5, [])])
def test_an_asset_that_an_unreadable_line_may_be_is_not_taken_for_delisted(
    database_url: str, unread: int, gone: list[str]
) -> None:
    store(database_url, listings(*"ABCDE"))
    context = DiscoveryContext(unread=unread)
    changes = store_list(database_url, listings(*"ABCD"), context, max_shrink=0.5)
    assert codes(database_url, active=False) == gone
    assert (changes.missing, changes.is_shrunk) == (1, bool(unread))


def test_more_missing_assets_than_unreadable_lines_are_delisted(database_url: str) -> None:
    """An exchange of which one line is never readable still loses its delisted assets."""
    store(database_url, listings(*"ABCDE"))
    store_list(database_url, listings(*"ABC"), DiscoveryContext(unread=1), max_shrink=0.5)
    assert codes(database_url, active=False) == ["D", "E"]
