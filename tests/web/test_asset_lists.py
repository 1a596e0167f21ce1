"""Assets are found by symbol, by name and by state, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.listed.asset_list import ChosenAssets, list_assets
from data_nexus.database.reader.overview.asset_pages import (
    AssetFilter,
    read_assets_page,
    read_published,
)
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute

NAMES = {
    "AAPL": "Apple Inc",
    "AA": "Alcoa Corp",
    "A_B": "100% Pure",
    "BRK": "Berkshire\\Hathaway",
    "ZZ": "Pine Apple Ltd",
    "OE": "ÖSTERREICHISCHE Post",
}


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[PostgresConnection]:
    with cluster.fresh_database() as url:
        for exchange in ("US", "LSE"):
            for code, name in NAMES.items():
                add_assets(url, code, exchange=exchange, name=name, venue="X")
        add_assets(url, "PARK", parked_at="2026-01-01", name="Park")
        yield PostgresConnection(url)


def found(database: PostgresConnection, chosen: AssetFilter) -> list[str]:
    """All that a filter matches, read three at a time."""
    published, after, symbols = read_published(database), ("", ""), list[str]()
    while page := read_assets_page(
        database, chosen, published, exchanges=["LSE", "US"], after=after, most=3
    ):
        symbols += [each.symbol for each in page]
        after = (page[-1].exchange, page[-1].code)
    return symbols


@pytest.mark.parametrize(
    ("chosen", "codes"),
    [
        (AssetFilter(exchange="US"), ["AA", "AAPL", "A_B", "BRK", "OE", "PARK", "ZZ"]),
        (AssetFilter(exchange="US", search="aa"), ["AA", "AAPL"]),
        (AssetFilter(exchange="US", search=" aapl.us "), ["AAPL"]),
        (AssetFilter(exchange="US", search="A_"), ["A_B"]),
        (AssetFilter(exchange="US", search="apple"), ["AAPL", "ZZ"]),
        (AssetFilter(exchange="US", search="APPLE pine"), ["ZZ"]),
        (AssetFilter(exchange="US", search="100%"), ["A_B"]),
        (AssetFilter(exchange="US", search="%"), ["A_B"]),
        (AssetFilter(exchange="US", search="e\\h"), ["BRK"]),
        (AssetFilter(exchange="US", search="österr post"), ["OE"]),
        (AssetFilter(exchange="US", search="sterr POST"), ["OE"]),
        (AssetFilter(exchange="US", search="no such"), []),
        (AssetFilter(exchange="US", search="\0"), []),
        (AssetFilter(exchange="US", state="parked"), ["PARK"]),
        (AssetFilter(exchange="US", state="fresh"), []),
    ],
)
def test_a_filter_finds_what_it_names(
    database: PostgresConnection, chosen: AssetFilter, codes: list[str]
) -> None:
    assert found(database, chosen) == [f"{code}.US" for code in codes]


def test_all_pages_hold_each_asset_once_and_in_the_state_that_others_see(
    database: PostgresConnection,
) -> None:
    listed = {each.symbol: each.state for each in list_assets(database, ChosenAssets())}
    assert sorted(found(database, AssetFilter())) == sorted(listed)
    page = read_assets_page(
        database, AssetFilter(), read_published(database), exchanges=["LSE", "US"]
    )
    assert {each.symbol: each.state for each in page} == listed


def test_stale_ones_are_found_among_those_that_are_read_as_far_as_any(
    cluster: Cluster,
) -> None:
    """What is in doubt is stale, too."""
    with cluster.fresh_database() as url:
        place = {"venue": "NYSE", "asset_type": "Common Stock", "last_bar": "2024-01-02"}
        far = {"synced_through": "9999-01-01", "settled_through": "9999-01-01"}
        add_assets(url, "FAR", "DOUBT", **place, **far)
        add_assets(url, "BEHIND", **place, **far | {"settled_through": "2024-01-01"})
        add_assets(url, "NEVER", **place)
        doubt: LiteralString = (
            "INSERT INTO suspicions (asset_id, reason, session, read_after)"
            " SELECT id, 'leap', '2024-01-02', now() FROM assets WHERE symbol = 'DOUBT'"
        )
        execute(url, doubt)
        stale = AssetFilter(exchange="US", state="stale")
        expected = ["BEHIND.US", "DOUBT.US", "NEVER.US"]
        assert found(PostgresConnection(url), stale) == expected
