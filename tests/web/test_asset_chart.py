"""An asset's chart marks provisional and revised bars, and shows what was known on a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import LiteralString

import pytest

from data_nexus.dashboard.pages.asset import DaySlider, slider_of
from tests.support.files.chromium import Tab
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute
from tests.support.programs.commands import commands_at
from tests.support.programs.dashboards import Visitor, dashboard_of
from tests.support.vendor.sandbox import sandbox

DAYS = (date(2024, 12, 27), date(2024, 12, 30), date(2024, 12, 31))
# Three days on which something came or changed, and one on which nothing did.
LOG: LiteralString = """
    INSERT INTO sync_log (asset_id, fence, outcome, window_first, window_last, received, inserted,
                          revised, unchanged, rejected, calls, requests, committed_at, arrived)
    SELECT 1, n, 'stored', '2024-12-02', '2024-12-31', 20, came, revised, 20 - came - revised, 0,
           1, 1, at::timestamptz, arrived::datemultirange
    FROM (VALUES (1, 20, 0, '2024-12-27 23:30Z', '{[2024-12-02,2024-12-28)}'),
                 (2, 1, 0, '2024-12-30 23:30Z', '{[2024-12-30,2024-12-31)}'),
                 (3, 0, 0, '2024-12-31 01:00Z', NULL),
                 (4, 1, 2, '2024-12-31 23:30Z', '{[2024-12-31,2025-01-01)}'))
        AS l (n, came, revised, at, arrived)
"""
BARS: LiteralString = """
    INSERT INTO market_data
    SELECT 1, d, 10, 12, 9, 11, 11, 100
    FROM generate_series('2024-12-02'::date, '2024-12-31', '1 day') d
    WHERE extract(isodow FROM d) < 6 AND d <> '2024-12-25'
"""
REVISIONS: LiteralString = """
    INSERT INTO market_data_revisions
    SELECT 1, d::date, '2024-12-31 23:30Z', 10, 12, 9, 10, 10, 90
    FROM unnest('{2024-12-03,2024-12-04}'::date[]) d
"""


@pytest.fixture(scope="module")
def url(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard of one asset: three bars are provisional, two were revised on the last day."""
    with (
        cluster.fresh_database() as database_url,
        sandbox(symbols=1, bars_per_symbol=2) as vendor,
    ):
        settled = {"settled_through": "2024-12-26", "synced_through": "2024-12-31"}
        add_assets(database_url, "AAPL", venue="NYSE", last_bar="2024-12-31", **settled)
        execute(database_url, BARS, LOG, REVISIONS)
        with dashboard_of(commands_at(tmp_path_factory.mktemp("home"), vendor, database_url)) as at:
            yield at


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("span=all", ["circle: 3 provisional bars", "square: 2 revised bars"], []),
        # The revisions came later than that day, and one of the provisional bars, too.
        ("span=all&as_of=2024-12-30", ["circle: 2 provisional bars"], ["revised"]),
    ],
)
def test_provisional_and_revised_bars_are_marked_and_the_marks_are_named(
    url: str, query: str, shown: list[str], hidden: list[str]
) -> None:
    picture = Visitor(url).get(f"/assets/1/chart.svg?{query}").text
    assert [each for each in shown if each not in picture] == []
    assert [each for each in hidden if each in picture] == []


def test_the_table_says_the_same_of_each_bar(url: str) -> None:
    page = Visitor(url).get("/assets/1").text
    assert page.count("<td>provisional</td>") == 3


def test_a_slider_goes_by_the_days_on_which_something_changed(
    url: str, open_tab: Callable[[], Tab]
) -> None:
    """By keyboard as by hand; the field beside it follows, and the picture."""
    tab = open_tab()
    tab.go(f"{url}assets/1?span=all")
    field, chart = "document.querySelector('#as_of').value", "document.querySelector('.chart').src"
    tab.evaluate("document.querySelector('#known').focus()")
    seen = []
    for _ in range(4):
        press(tab, "ArrowLeft")
        seen.append(tab.evaluate(field))
    assert seen == ["2024-12-31", "2024-12-30", "2024-12-27", "2024-12-27"]
    tab.wait_for(lambda: tab.evaluate(chart).endswith("?span=all&as_of=2024-12-27"))
    spoken = "document.querySelector('#known').ariaValueText"
    assert tab.evaluate(spoken) == "2024-12-27"
    press(tab, "End")
    assert (tab.evaluate(field), tab.evaluate(spoken)) == ("", "today")
    tab.wait_for(lambda: tab.evaluate(chart).endswith("?span=all"))
    assert tab.troubles == []


def test_without_a_script_the_field_alone_is_there(url: str, open_tab: Callable[[], Tab]) -> None:
    tab = open_tab()
    tab.tell("Emulation.setScriptExecutionDisabled", value=True)
    tab.go(f"{url}assets/1?as_of=2024-12-30")
    assert tab.evaluate("document.querySelector('#known').checkVisibility()") is False
    assert tab.evaluate("document.querySelector('#as_of').value") == "2024-12-30"


@pytest.mark.parametrize(
    ("as_of", "position"),
    [
        (None, 3),
        (date(2025, 1, 1), 2),
        (date(2024, 12, 31), 2),
        (date(2024, 12, 29), 0),
        (date(2024, 1, 1), 0),
    ],
)
def test_a_day_stands_at_the_last_one_known_by_then(as_of: date | None, position: int) -> None:
    assert slider_of([*DAYS], as_of) == DaySlider([*DAYS], position)


def press(tab: Tab, key: str) -> None:
    """Press a key, as a person does."""
    code = {"ArrowLeft": 37, "End": 35}[key]
    for kind in ("rawKeyDown", "keyUp"):
        tab.tell("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)
