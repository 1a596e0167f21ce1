"""Where the planner matters: the queue is read by an index, however long it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import psycopg
import pytest

from data_nexus.database.connection import conninfo
from data_nexus.database.queries import query
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import value
from tests.support.postgres.workers import ago

# The planner rightly sorts the few rows of a short queue; a long one must be read in order.
SHORT, LONG = 1_000, 200_000
LIMIT = 64
NOTHING_ASKED = {
    "after_synced": None,
    "after_id": 0,
    "synced_before": ago(1),
    "exchange": None,
    "asset_ids": None,
    "suspect": False,
    "owner": 1,
    "lease_sec": 60.0,
    "limit": LIMIT,
    "exchanges": ["US", "LSE", "XETRA", "TO"],
    "venues": [""] * 4,
    "asset_types": [""] * 4,
    "published": [date(2024, 1, 10)] * 4,
    "answered_before": [ago(1)] * 4,
}
CLAIMS = ("claim_due", "claim_behind", "claim_wanted", "claim_audit")
Node = dict[str, Any]


@pytest.fixture(scope="module")
def queues(cluster: Cluster) -> Iterator[dict[int, str]]:
    """Databases by the number of their assets."""
    with ExitStack() as stack:
        urls = {size: stack.enter_context(cluster.fresh_database()) for size in (SHORT, LONG)}
        for size, url in urls.items():
            fill(url, size)
        yield urls


def fill(url: str, size: int) -> None:
    """A fifth never answered, half answered long ago; the rest just now, dead, or absent."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO assets (symbol, exchange, last_synced, is_delisted, ask_after)"
            " SELECT 'S' || n, (ARRAY['US', 'LSE', 'XETRA', 'TO'])[1 + mod(n, 4)],"
            " CASE WHEN kind < 2 OR kind = 9 THEN NULL"
            " WHEN kind < 7 THEN now() - interval '2 days' - n * interval '1 minute'"
            " WHEN kind = 7 THEN now() ELSE now() - interval '900 days' END,"
            " kind = 8, CASE WHEN kind = 9 THEN now() + interval '1 day' END"
            " FROM generate_series(1, %s) n, mod(n, 10) kind",
            [size],
        )
        connection.execute(
            "UPDATE assets SET synced_through = '2024-01-09', last_bar = '2024-01-09',"
            " read_whole_at = last_synced WHERE last_synced IS NOT NULL"
        )
        connection.execute("UPDATE assets SET actions_wanted_at = now() WHERE mod(id, 50) = 4")
        connection.execute(
            "UPDATE assets SET lease_owner = 1, lease_until = '9999-12-31'"
            " WHERE id < 1000 AND mod(id, 50) = 9"
        )
        connection.execute(
            "UPDATE assets SET repair_wanted_at = now() - interval '2 days' WHERE mod(id, 50) = 7"
        )
        connection.execute("VACUUM FULL")
        connection.execute("VACUUM ANALYZE")


def explain(url: str, name: str, **parameters: object) -> list[Node]:
    """The plan of a query, run with these parameters and undone: its nodes, the top one first."""
    explained = b"EXPLAIN (ANALYZE, FORMAT JSON) " + query(name)
    with psycopg.connect(conninfo(url)) as connection:
        row = connection.execute(explained, NOTHING_ASKED | parameters, prepare=False).fetchone()
        connection.rollback()
    assert row
    return list(nodes(row[0][0]["Plan"]))


def nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def scans(plan: list[Node]) -> list[str]:
    """How the plan reads tables: the kind of each scan and its index or table."""
    return [
        f"{node['Node Type']} {node.get('Index Name') or node.get('Relation Name', '')}"
        for node in plan
        if node["Node Type"].endswith("Scan")
    ]


def assert_read_in_order(plan: list[Node], index: str) -> None:
    """The queue is read by the index, as far as is claimed and no farther; nothing is sorted."""
    assert f"Index Scan {index}" in scans(plan)
    assert [scan for scan in scans(plan) if scan.startswith("Seq Scan")] == []
    assert [node["Node Type"] for node in plan if "Sort" in node["Node Type"]] == []
    assert sum(node.get("Rows Removed by Filter", 0) for node in plan) <= LIMIT


@pytest.mark.parametrize("size", [SHORT, LONG])
@pytest.mark.parametrize("claim", ["claim_due", "claim_behind"])
def test_a_claim_uses_the_dispatch_index(queues: dict[int, str], size: int, claim: str) -> None:
    found = scans(explain(queues[size], claim))
    assert [scan for scan in found if scan.endswith("Index Scan assets_dispatch")]


def test_a_claim_reads_the_front_of_a_long_queue(queues: dict[int, str]) -> None:
    plan = explain(queues[LONG], "claim_due")
    assert_read_in_order(plan, "assets_dispatch")
    assert plan[0]["Actual Rows"] == LIMIT


def test_a_claim_by_the_calendar_reads_the_front_of_a_long_queue(queues: dict[int, str]) -> None:
    plan = explain(queues[LONG], "claim_behind")
    assert "Index Scan assets_dispatch" in scans(plan)
    assert [node["Node Type"] for node in plan if "Sort" in node["Node Type"]] == []
    read = next(node for node in plan if node.get("Index Name") == "assets_dispatch")
    assert read["Actual Rows"] == plan[0]["Actual Rows"] == LIMIT


@pytest.mark.parametrize("claim", ["claim_wanted", "claim_audit"])
def test_a_claim_of_what_is_in_no_index_reads_the_assets_once(
    queues: dict[int, str], claim: str
) -> None:
    """Delisted and resting assets take part, which the dispatch indexes leave out."""
    plan = explain(queues[LONG], claim)
    assert [node["Node Type"] for node in plan] == [
        *("ModifyTable", "Limit", "LockRows", "Sort", "Seq Scan"),
        *("Nested Loop", "CTE Scan", "Index Scan"),
    ]
    assert plan[0]["Actual Rows"] == LIMIT


def test_a_claim_of_damaged_histories_reads_an_index_of_their_own(queues: dict[int, str]) -> None:
    plan = explain(queues[LONG], "claim_damaged")
    assert [scan for scan in scans(plan) if scan.endswith("Index Scan assets_damaged")]
    assert [scan for scan in scans(plan) if scan.startswith("Seq Scan")] == []
    assert plan[0]["Actual Rows"] == LIMIT


def test_a_claim_goes_on_in_the_middle_of_a_long_queue(queues: dict[int, str]) -> None:
    middle = "SELECT percentile_disc(0.4) WITHIN GROUP (ORDER BY last_synced) FROM assets"
    position = {"after_synced": value(queues[LONG], middle), "after_id": 7}
    plan = explain(queues[LONG], "claim_due", **position)
    assert_read_in_order(plan, "assets_dispatch")
    assert plan[0]["Actual Rows"] == LIMIT


def test_a_claim_by_the_calendar_goes_on_in_the_middle_of_a_long_queue(
    queues: dict[int, str],
) -> None:
    """What the walk has passed is not read again."""
    middle = "SELECT percentile_disc(0.4) WITHIN GROUP (ORDER BY last_synced) FROM assets"
    position = {"after_synced": value(queues[LONG], middle), "after_id": 7}
    plan = explain(queues[LONG], "claim_behind", **position)
    assert [node["Node Type"] for node in plan if "Sort" in node["Node Type"]] == []
    read = next(node for node in plan if node.get("Index Name") == "assets_dispatch")
    assert read["Actual Rows"] + read.get("Rows Removed by Filter", 0) <= 2 * LIMIT
    assert plan[0]["Actual Rows"] == LIMIT


def test_a_claim_at_the_end_of_a_long_queue_passes_over_nothing(queues: dict[int, str]) -> None:
    plan = explain(queues[LONG], "claim_due", after_synced=ago(1), after_id=7)
    assert_read_in_order(plan, "assets_dispatch")
    assert plan[0]["Actual Rows"] == 0


def test_a_claim_of_one_exchange_reads_that_exchange_s_queue(queues: dict[int, str]) -> None:
    plan = explain(queues[LONG], "claim_due", exchange="LSE")
    assert_read_in_order(plan, "assets_dispatch_by_exchange")


def test_a_claim_of_some_assets_reads_no_others(queues: dict[int, str]) -> None:
    plan = explain(queues[LONG], "claim_due", asset_ids=[701, 902])
    assert [scan for scan in scans(plan) if scan.startswith("Seq Scan")] == []
    assert sum(node.get("Rows Removed by Filter", 0) for node in plan) <= 2


@pytest.mark.parametrize("claim", CLAIMS)
def test_suspects_are_found_without_a_walk_along_the_queue(
    queues: dict[int, str], claim: str
) -> None:
    plan = explain(queues[LONG], claim, suspect=True)
    assert "Index Scan assets_suspects" in scans(plan)
    assert [scan for scan in scans(plan) if scan.startswith("Seq Scan")] == []


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_never_looks_at_the_bars(queues: dict[int, str], claim: str) -> None:
    """However many there are."""
    plan = explain(queues[LONG], claim)
    assert {node["Relation Name"] for node in plan if "Relation Name" in node} == {"assets"}


def test_lost_leases_are_found_by_an_index_of_their_own(queues: dict[int, str]) -> None:
    found = scans(explain(queues[LONG], "free_lost_leases"))
    assert [scan for scan in found if scan.endswith("Index Scan assets_leased")]


def test_leases_are_renewed_without_a_look_at_other_assets(queues: dict[int, str]) -> None:
    plan = explain(queues[LONG], "renew_leases", asset_ids=[59, 109])
    assert [scan for scan in scans(plan) if scan.startswith("Seq Scan")] == []


def test_the_stored_bars_of_windows_are_read_by_their_key_and_no_others(database_url: str) -> None:
    """Whole histories of some assets in one statement, or the last bars of many."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO market_data SELECT a, '2020-01-01'::date + n, 1, 1, 1, 1, 1, 1"
            " FROM generate_series(1, 500) a, generate_series(1, 400) n"
        )
        connection.execute("VACUUM ANALYZE market_data")
    for count, first, bars in ((5, date(1700, 1, 1), 400), (200, date(2021, 1, 26), 10)):
        asked = {"asset_ids": [*range(1, count + 1)], "first": first}
        plan = explain(database_url, "read_windows", **asked)
        assert any("market_data_pkey" in scan for scan in scans(plan))
        assert [scan for scan in scans(plan) if scan.startswith("Seq Scan")] == []
        read = [node for node in plan if node["Node Type"] in ("Index Scan", "Bitmap Heap Scan")]
        assert [node["Actual Rows"] for node in read] == [count * bars]


def test_many_symbols_are_found_by_their_key_in_both_spellings(queues: dict[int, str]) -> None:
    exchanges = ("TO", "US", "LSE", "XETRA")
    wanted = {
        "symbols": [f"s{number}" for number in range(1, 501)],
        "exchanges": [exchanges[number % 4] for number in range(500)],
    }
    plan = explain(queues[LONG], "find_assets", **wanted)
    assert "Index Scan assets_code" in scans(plan)
    assert [scan for scan in scans(plan) if scan == "Seq Scan assets"] == []
