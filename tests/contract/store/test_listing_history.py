"""The listing history: each list continues it, and the universe of any day can be asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.store.listings import DiscoveryContext
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import UsageError
from data_nexus.research.universe import read_listings, read_universe
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
    store_list,
    symbols,
    universe,
)

FIRST = date(2024, 1, 1)


def test_an_unchanged_list_writes_one_row_the_discovery_s(database_url: str) -> None:
    store(database_url, 0, listings("A", "B"))
    before = snapshot(database_url, "assets", "listings")
    store(database_url, 1, listings("B", "A"))
    assert snapshot(database_url, "assets", "listings") == before
    assert rows(
        database_url, "SELECT moment, is_delisted, types, listed, is_shrunk FROM discoveries"
    ) == [(moment(week), False, [], 2, False) for week in (0, 1)]


def test_lists_are_dated_in_the_order_of_their_reading(database_url: str) -> None:
    """A run may date its lists by the moment at which it began."""
    store(database_url, 2, listings("A"))
    store(database_url, 1, listings("B"))
    dated = "SELECT DISTINCT moment FROM discoveries UNION SELECT from_moment FROM listings"
    assert rows(database_url, dated) == [(moment(2),)]


def test_each_day_has_the_universe_of_the_last_discovery_by_its_end(database_url: str) -> None:
    for week, codes in enumerate(("AB", "BC", "ABC")):
        store(database_url, week, listings(*codes))
    on = {week: "".join(symbols(database_url, day(week))) for week in range(3)}
    assert on == {0: "AB", 1: "BC", 2: "ABC"}
    assert symbols(database_url, day(1) - timedelta(1)) == ["A", "B"]
    assert symbols(database_url, day(9)) == ["A", "B", "C"]
    assert symbols(database_url, day(0) - timedelta(1)) == []


@pytest.mark.parametrize(
    ("read", "is_of"),
    [
        (datetime(2024, 3, 4, 23, 59, 59, 999_999, UTC), date(2024, 3, 4)),
        (datetime(2024, 3, 5, tzinfo=UTC), date(2024, 3, 5)),
        (datetime(2024, 3, 5, 0, 0, 0, 1, UTC), date(2024, 3, 5)),
        (datetime(2024, 3, 5, 1, tzinfo=timezone(timedelta(hours=2))), date(2024, 3, 4)),
    ],
    ids=str,
)
def test_a_discovery_around_midnight_is_of_the_day_that_has_begun_in_utc(
    database_url: str, read: datetime, is_of: date
) -> None:
    """The day's end itself is the next day: what is read at it is not yet known on that day."""
    store(database_url, 0, listings("A", "B"))
    store_list(database_url, listings("B", "C"), DiscoveryContext(moment=read), max_shrink=1.0)
    assert symbols(database_url, is_of - timedelta(1)) == ["A", "B"]
    assert symbols(database_url, is_of) == ["B", "C"]


@pytest.mark.parametrize(
    ("read", "basis"),
    [
        (datetime(2024, 3, 4, 23, 59, 59, 999_999, UTC), "listed"),
        (datetime(2024, 3, 5, tzinfo=UTC), "first and last bar"),
    ],
    ids=str,
)
def test_a_first_discovery_around_midnight_covers_the_day_that_it_was_made_in(
    worker: Worker, database_url: str, read: datetime, basis: str
) -> None:
    store_list(database_url, listings("A"), DiscoveryContext(moment=read))
    bars = bars_from(date(2024, 3, 1), 1, 2, 3, 4, 5)
    worker.commit(*(batch_for(lease, bars) for lease in worker.claim()))
    assert [row["basis"] for row in universe(database_url, date(2024, 3, 4))] == [basis]


def test_the_universe_has_the_names_of_its_day(database_url: str) -> None:
    store(database_url, 0, [listing("A", "Alpha Inc")])
    store(database_url, 1, [listing("A", "Alpha Holdings")])
    assert [universe(database_url, day(week)) for week in (0, 1)] == [
        [
            {
                "asset_id": ids(database_url)["A"],
                "symbol": "A.US",
                "name": name,
                "venue": "NASDAQ",
                "asset_type": "Common Stock",
                "isin": None,
                "basis": "listed",
                "since": since,
                "until": until,
            }
        ]
        for name, since, until in (
            ("Alpha Inc", day(0), day(1)),
            ("Alpha Holdings", day(1), None),
        )
    ]


def test_before_the_first_discovery_the_first_and_the_last_bar_stand_in(
    worker: Worker, database_url: str
) -> None:
    store(database_url, 9, [*listings("A", "NONE"), listing("ETF", kind="ETF")])
    store(database_url, 9, listings("DEAD"), delisted=True)
    leases = {str(lease.symbol): lease for lease in worker.claim()}
    worker.commit(
        batch_for(leases["A.US"], bars_from(date(2019, 6, 27), 1, 2, 3)),
        batch_for(leases["DEAD.US"], bars_from(date(2019, 6, 26), 1, 2, 3)),
    )

    def known(on: date) -> list[tuple[Any, ...]]:
        keys = ("symbol", "basis", "since", "until")
        return [tuple(row[key] for key in keys) for row in universe(database_url, on)]

    basis = "first and last bar"
    alive = ("A.US", basis, date(2019, 6, 27), date(2019, 6, 29))
    dead = ("DEAD.US", basis, date(2019, 6, 26), date(2019, 6, 28))
    assert known(date(2019, 6, 26)) == [dead]
    assert known(date(2019, 6, 28)) == [alive, dead]
    assert known(date(2019, 6, 30)) == []
    assert [row[:2] for row in known(day(9))] == [
        ("A.US", "listed"),
        ("ETF.US", "listed"),
        ("NONE.US", "listed"),
    ]


def test_the_history_of_some_types_reaches_no_further_than_these(
    worker: Worker, database_url: str
) -> None:
    store(database_url, 1, [listing("ETF", kind="ETF")], types=("ETF",))
    store(database_url, 5, listings("A"))
    worker.commit(*(batch_for(x, bars_from(day(2), 1, 2, 3)) for x in worker.claim()))
    found = [(row["symbol"], row["basis"]) for row in universe(database_url, day(2))]
    assert found == [("A.US", "first and last bar"), ("ETF.US", "listed")]


def test_a_shrunken_list_ends_no_listing(database_url: str) -> None:
    store(database_url, 0, listings(*"ABCD"))
    assert store(database_url, 1, listings("A"), max_shrink=0.2).is_shrunk
    assert symbols(database_url, day(1)) == [*"ABCD"]
    assert value(database_url, "SELECT count(*) FROM discoveries WHERE is_shrunk") == 1


def test_a_list_of_some_types_ends_no_other_listing(database_url: str) -> None:
    store(database_url, 0, [*listings("A"), listing("E", kind="ETF"), listing("F", kind="ETF")])
    store(database_url, 1, [listing("E", kind="ETF")], types=("ETF",))
    assert symbols(database_url, day(1)) == ["A", "E"]


def test_assets_from_before_the_history_enter_it_with_the_next_list(database_url: str) -> None:
    execute(
        database_url,
        "INSERT INTO assets (symbol, exchange, venue, name, asset_type, country, currency)"
        " VALUES ('A', 'US', 'NASDAQ', 'A Inc', 'Common Stock', 'USA', 'USD')",
    )
    before = snapshot(database_url, "assets")
    store(database_url, 0, listings("A"))
    assert snapshot(database_url, "assets") == before
    assert chain(database_url, ids(database_url)["A"]) == [("A", "listed", True)]


def test_an_unknown_exchange_or_symbol_is_a_mistake_of_the_caller(database_url: str) -> None:
    database = PostgresConnection(database_url)
    with pytest.raises(UsageError, match="discover --exchange US"):
        read_universe(database, "US", FIRST)
    with pytest.raises(UsageError, match=r"NOPE\.US"):
        read_listings(database, Symbol("NOPE", "US"))
