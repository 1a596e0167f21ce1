"""Bars that were lost here and that the vendor does not send: missing until a week has passed."""

from __future__ import annotations

import json

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.domain.planning.suspicion import Reason
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import Commands
from tests.support.vendor.histories import day, is_true
from tests.support.vendor.sandbox import Sandbox


def send_without(vendor: Sandbox, symbol: str, lacking: set[str]) -> None:
    """Send an asset's history without the bars of some days."""
    sent = vendor.ask(f"/eod/{symbol}", fmt="json").json()
    left = [each for each in sent if each["date"] not in lacking]
    assert len(left) == len(sent) - len(lacking)
    vendor.post("/faults", {"kind": "hostile_json", "symbol": symbol, "body": json.dumps(left)})


@pytest.mark.parametrize("place", ["WHERE number BETWEEN 40 AND 79", "WHERE number > 85"])
def test_lost_bars_that_the_vendor_does_not_send_stay_missing_until_it_does(
    commands: Commands, vendor: Sandbox, database_url: str, place: str
) -> None:
    """A partial answer is no proof that they never were: in the middle, or the last ones."""
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    numbered = (
        "SELECT date, row_number() OVER (ORDER BY date) AS number FROM market_data"
        " WHERE asset_id = 1"
    )
    lost = {
        str(day)
        for (day,) in rows(
            database_url,
            f"DELETE FROM market_data WHERE asset_id = 1 AND date IN"  # noqa: S608
            f" (SELECT date FROM ({numbered}) AS n {place}) RETURNING date",
        )
    }
    assert len(lost) >= 10
    send_without(vendor, symbol, lost)
    for _ in range(3):
        done = commands.run("repair", "--symbols", symbol, "--json")
        assert (done.code, done.answer["left"]) == (3, 1)
        broken = broken_invariants(PostgresConnection(database_url))
        assert [name for name, ids in broken.items() if ids] == [
            "stored bars are those of the sync log"
        ]
        assert commands.run("status", "--json").answer["assets"]["damaged"] == 1
        suspected = "SELECT reason FROM suspicions WHERE asset_id = 1 ORDER BY reason"
        assert (Reason.LOST,) in rows(database_url, suspected)
    vendor.delete("/faults")
    done = commands.run("repair", "--json")
    assert (done.code, done.answer["inserted"], done.answer["left"]) == (0, len(lost), 0)
    assert is_true(database_url, vendor)
    assert value(database_url, "SELECT count(*) FROM suspicions") == 0


def test_lost_bars_that_are_not_sent_for_a_week_are_lost_for_good(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    lost = {day(database_url, 1, number) for number in range(40, 45)}
    rows(
        database_url,
        "DELETE FROM market_data WHERE asset_id = 1 AND date = ANY (%s::date[])",
        [*lost],
    )
    send_without(vendor, symbol, lost)
    left = []
    for _ in range(6):
        left.append(commands.run("repair", "--symbols", symbol, "--json").answer["left"])
        execute(database_url, "UPDATE suspicions SET read_after = now()")
    assert left == [1, 1, 1, 1, 0, 0]
    assert value(database_url, "SELECT sum(lost) FROM sync_log") == len(lost)
    assert not any(broken_invariants(PostgresConnection(database_url)).values())
    assert value(database_url, "SELECT count(*) FROM suspicions") == 0


def test_a_repair_of_lost_bars_does_not_believe_another_asset_s_history(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """But one of bars that are all there does: an edited history is made the vendor's."""
    rows(
        database_url,
        "DELETE FROM market_data WHERE asset_id = 1 AND date = %s",
        day(database_url, 1, 50),
    )
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    (other,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 2")[0]
    fault = {"kind": "other_symbol", "endpoint": "eod", "symbol": symbol, "other": other}
    vendor.post("/faults", fault)
    done = commands.run("repair", "--symbols", symbol, "--json")
    assert (done.code, done.answer["revised"], done.answer["left"]) == (3, 0, 1)
    vendor.delete("/faults")
    assert commands.run("repair", "--json").code == 0
    assert is_true(database_url, vendor)
    execute(database_url, "UPDATE market_data SET close = 7 + random() WHERE asset_id = 1")
    assert commands.run("repair", "--symbols", symbol).code == 0
    assert is_true(database_url, vendor)


def test_lost_bars_are_lost_for_good_once_a_person_has_accepted_it(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """Also of an asset that the vendor does not know any more."""
    (symbol,) = rows(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 1")[0]
    gone = "DELETE FROM market_data WHERE asset_id = 1 AND date = %s RETURNING date"
    rows(database_url, gone, day(database_url, 1, 50))
    vendor.post("/faults", {"kind": "status", "status": 404, "endpoint": "eod", "symbol": symbol})
    assert commands.run("repair", "--symbols", symbol).code == 3
    assert commands.run("suspicions", "accept", symbol).code == 0
    assert commands.run("repair").code == 0
    assert value(database_url, "SELECT sum(lost) FROM sync_log") == 1
    assert not any(broken_invariants(PostgresConnection(database_url)).values())
    assert value(database_url, "SELECT count(*) FROM suspicions") == 0
