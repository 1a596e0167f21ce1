"""A backfill that runs is seen running, without loading the page anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.files.chromium import Tab
from tests.support.postgres.database import Cluster
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.dashboards import dashboard_of
from tests.support.vendor.sandbox import sandbox

# How many assets the run has read so far, as the page shows it.
ASSETS = "Number(document.querySelector('[data-figure=assets]')?.textContent || 0)"


@pytest.fixture
def commands(cluster: Cluster, tmp_path: Path) -> Iterator[Commands]:
    with (
        cluster.fresh_database() as url,
        sandbox(symbols=40, clean=True, exchange="US", years=1) as vendor,
    ):
        commands = commands_at(tmp_path, vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        vendor.post("/faults", {"kind": "slow", "endpoint": "eod", "bytes_per_sec": 20_000})
        yield commands


def test_a_backfill_is_watched(commands: Commands, open_tab: Callable[[], Tab]) -> None:
    tab = open_tab()
    with dashboard_of(commands) as url:
        tab.go(url)
        assert "Nothing runs. 40 assets lack a session" in tab.text()
        loads = tab.loads
        with commands.running("backfill", "--concurrency", "2"):
            tab.wait_for(lambda: tab.evaluate(ASSETS) > 0)
            first = tab.evaluate(ASSETS)
            tab.wait_for(lambda: tab.evaluate(ASSETS) > first)
        assert tab.loads == loads
        assert "Live, as of" in tab.text()
        tab.evaluate("document.getElementById('live-pause').click()")
        assert "Paused, as of" in tab.text()
        tab.evaluate("document.getElementById('live-pause').click()")
        tab.wait_for(lambda: "Live, as of" in tab.text())
    tab.wait_for(lambda: "connection is lost" in tab.text())
