"""A history of another asset is neither damage nor a repair."""

from __future__ import annotations

from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.commands import Commands
from tests.support.vendor.histories import bars_of
from tests.support.vendor.sandbox import Sandbox


def test_a_history_that_looks_like_another_asset_s_is_no_damage_to_be_repaired(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    """The vendor, or something on the way, mixes two assets up for a while."""
    ticker, asset_id = rows(
        database_url,
        "SELECT symbol || '.US', id FROM assets WHERE symbol <> 'AAPL' ORDER BY id LIMIT 1",
    )[0]
    before = bars_of(database_url)
    vendor.post("/faults", {"kind": "other_symbol", "endpoint": "eod", "symbol": ticker})
    found = commands.run("verify", "--deep", "--symbols", ticker)
    assert found.code == 3
    assert f"{ticker}: what was sent looks like another asset's" in found.stdout
    assert commands.run("repair").code == 0
    assert bars_of(database_url) == before, "nothing is marked"
    execute(database_url, f"UPDATE assets SET repair_wanted_at = now() WHERE id = {asset_id}")  # noqa: S608
    assert commands.run("repair").code == 3, "nor believed where it is"
    assert bars_of(database_url) == before
    vendor.delete("/faults")
    assert commands.run("repair").code == 0
    assert bars_of(database_url) == before


def test_bars_that_never_were_the_asset_s_own_go_if_a_person_says_so(
    commands: Commands, database_url: str
) -> None:
    """One answer brought them; what later ones lack is rather cut, the program thinks."""
    before = bars_of(database_url)
    stray = (
        "WITH stray AS ("
        "  INSERT INTO market_data SELECT 3, date '2001-01-01' + n, 1, 1, 1, 1, 1, 1"
        "  FROM generate_series(0, 39) AS n RETURNING 1)"
        " UPDATE sync_log SET inserted = inserted + 40, received = received + 40"
        " WHERE (asset_id, fence) = (SELECT asset_id, max(fence) FROM sync_log"
        "                            WHERE asset_id = 3 GROUP BY asset_id)"
    )
    execute(database_url, stray)
    ticker = str(value(database_url, "SELECT symbol || '.US' FROM assets WHERE id = 3"))
    found = commands.run("verify", "--deep", "--symbols", ticker)
    assert found.code == 3
    said = " ".join(found.stdout.split())
    assert f"{ticker}: 40 bars are not sent and stay, as the answer may be cut." in said
    assert f"If they never were its own: nexus repair --symbols {ticker} --withdraw" in said
    assert commands.run("repair", "--symbols", ticker).code == 0
    assert len(bars_of(database_url)) == len(before) + 40
    assert commands.run("repair", "--symbols", ticker, "--withdraw").code == 0
    assert bars_of(database_url) == before
    kept = "SELECT count(*) FROM market_data_revisions WHERE asset_id = 3"
    assert value(database_url, kept) == 40
    assert commands.run("verify").code == 0
    assert "--withdraw needs --symbols" in commands.run("repair", "--withdraw").stderr
