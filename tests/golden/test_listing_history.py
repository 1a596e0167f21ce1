"""Five and a half years of real American listings, month by month: no id lost, each day as it was.

The source's 68 monthly lists hold real renames, delistings, re-listings and reused codes; they have
no ISIN. The one rename taken from elsewhere is Facebook's, of 2022-06-09.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.store.listings import DiscoveryContext, ListingChanges
from data_nexus.domain.listings.listing import Listing, SymbolChange
from data_nexus.domain.symbol import Symbol
from data_nexus.research.universe import read_listings, read_universe
from tests.golden.recordings import market_file, needs_recordings
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import Row, rows, value
from tests.support.vendor.listings import store_list

pytestmark = needs_recordings
META = SymbolChange("US", "FB", "META", "Meta Platforms", date(2022, 6, 9))
MONTHS = 68
# So many lists, evenly spread, are read a second time.
REPLAYED = sized(17, MONTHS)


def real_days() -> list[date]:
    with market_file("us_listing_history_snapshots.csv").open(encoding="utf-8") as text:
        return [date.fromisoformat(row["snapshot"]) for row in csv.DictReader(text)]


def real_runs() -> list[tuple[date, date, Listing]]:
    """The source's runs: first and last day of a (symbol, venue, name), and the listing."""
    with gzip.open(market_file("us_listing_history.csv.gz"), "rt", encoding="utf-8") as text:
        return [
            (
                date.fromisoformat(row["first_snapshot"]),
                date.fromisoformat(row["last_snapshot"]),
                Listing(
                    Symbol(row["symbol"], "US"), row["exchange"], row["name"], "", "", "USD", ""
                ),
            )
            for row in csv.DictReader(text)
        ]


def store(url: str, day: date, listed: list[Listing]) -> ListingChanges:
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return store_list(url, listed, DiscoveryContext((META,), moment))


@pytest.fixture(scope="module")
def lists() -> dict[date, list[Listing]]:
    runs = real_runs()
    return {
        day: [line for first, last, line in runs if first <= day <= last] for day in real_days()
    }


def last_writers(url: str) -> list[Row]:
    """How many rows there are, and the last transaction that wrote one, by table."""
    return rows(
        url,
        "SELECT count(*), max(xmin::text::bigint) FROM assets"
        " UNION ALL SELECT count(*), max(xmin::text::bigint) FROM listings",
    )


@pytest.fixture(scope="module")
def loaded_url(cluster: Cluster, lists: dict[date, list[Listing]]) -> Iterator[str]:
    with cluster.fresh_database() as url:
        known: set[int] = set()
        for number, (day, listed) in enumerate(lists.items()):
            changes = store(url, day, listed)
            assert not changes.is_shrunk, day
            now = {row[0] for row in rows(url, "SELECT id FROM assets")}
            assert known <= now, day
            known = now
            if number % (MONTHS // REPLAYED) == 0:
                settled = last_writers(url)
                store(url, day, listed)
                assert last_writers(url) == settled, day
        yield url


def test_the_universe_of_each_day_is_that_day_s_list(
    loaded_url: str, lists: dict[date, list[Listing]]
) -> None:
    assert len(lists) == MONTHS
    for day, listed in lists.items():
        table = read_universe(PostgresConnection(loaded_url), "US", day)
        columns = [table[name].to_pylist() for name in ("symbol", "venue", "name", "basis")]
        found = sorted(zip(*columns, strict=True))
        assert found == sorted((str(x.symbol), x.venue, x.name, "listed") for x in listed), day


@pytest.mark.sized(REPLAYED, "lists")
def test_a_list_that_is_read_again_is_noted_twice_and_written_once(loaded_url: str) -> None:
    """The fixture has seen to the latter: a second pass of a list left every row as it was."""
    assert value(loaded_url, "SELECT count(*) FROM discoveries") == MONTHS + REPLAYED


def test_each_asset_has_one_open_listing_exactly_if_it_is_listed(loaded_url: str) -> None:
    wrong = value(
        loaded_url,
        "SELECT count(*) FROM assets a LEFT JOIN listings l"
        " ON l.asset_id = a.id AND l.until_moment IS NULL"
        " WHERE (l.asset_id IS NULL) = (a.is_active AND a.retired_at IS NULL)",
    )
    assert wrong == 0


def test_no_stretch_of_an_asset_overlaps_another(loaded_url: str) -> None:
    with psycopg.connect(loaded_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM (SELECT from_moment, lag(coalesce(until_moment, 'infinity'))"
            " OVER (PARTITION BY asset_id ORDER BY from_moment) AS until FROM listings) AS l"
            " WHERE l.until > l.from_moment"
        ).fetchone()
    assert found == (0,)


def test_facebook_is_one_asset_under_two_symbols(loaded_url: str) -> None:
    (chain,) = read_listings(PostgresConnection(loaded_url), Symbol("FB", "US"))
    assert [(each.symbol, each.name[:8], each.began) for each in chain.listings] == [
        ("FB.US", "Facebook", "listed"),
        ("FB.US", "Meta Pla", "changed"),
        ("META.US", "Meta Pla", "renamed: the vendor's change history"),
    ]


def test_a_code_that_came_back_to_another_company_is_another_asset(loaded_url: str) -> None:
    """Sirius International was delisted in 2021; Sweetgreen took its code later that year."""
    chains = read_listings(PostgresConnection(loaded_url), Symbol("SG", "US"))
    assert [(each.asset.name.split()[0], each.asset.retired_at is None) for each in chains] == [
        ("Sirius", False),
        ("Sweetgreen", True),
    ]
