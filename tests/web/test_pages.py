"""Each page in a real browser: no error, no other host asked, and hostile names only shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.support.files.chromium import Tab
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.dashboards import PASSWORD, Visitor, dashboard_of
from tests.support.vendor.sandbox import sandbox

HOSTILE = (
    "<script>window.harmed=1</script>\"'><img src=x onerror=window.harmed=1>"
    " <a href='javascript:window.harmed=1'>click</a> {{ 7 * 191 }} \x1b[31m \u202egnp"
)
PAGES = ("/",)


@dataclass(frozen=True, slots=True)
class Place:
    """A dashboard with a login, its database, and commands on that."""

    url: str
    database_url: str
    commands: Commands


@pytest.fixture(scope="module")
def place(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A dashboard of a database in which every text of the vendor's is hostile."""
    with (
        cluster.fresh_database() as url,
        sandbox(symbols=5, bars_per_symbol=300, clean=True, exchange="US") as vendor,
    ):
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        for words in (("discover", "--exchange", "US"), ("backfill",)):
            assert commands.run(*words).code == 0
        fill(url)
        with dashboard_of(commands, login=True) as own_url:
            yield Place(own_url, url, commands)


def fill(url: str) -> None:
    """Put hostile text wherever a table holds the vendor's or a person's."""
    add_assets(url, "<b>ODD", name=HOSTILE, venue=HOSTILE, asset_type=HOSTILE)
    rows(url, "UPDATE assets SET name = %s, currency = %s", HOSTILE, HOSTILE)
    rows(url, "UPDATE assets SET parked_at = now() WHERE symbol = '<b>ODD'")
    rows(
        url,
        "INSERT INTO dead_letters (asset_id, endpoint, request, status, reason, excerpt)"
        " SELECT id, 'eod', %s, 400, %s, %s FROM assets WHERE symbol = '<b>ODD'",
        *[HOSTILE] * 3,
    )
    execute(url, "INSERT INTO runs (command, finished_at, outcome) SELECT 'old', now(), 'done'")
    rows(url, "UPDATE runs SET outcome = %s WHERE command = 'old'", HOSTILE)
    rows(
        url,
        "INSERT INTO jobs (name, action, schedule) VALUES ('mine', 'update', %s)",
        f"cron {HOSTILE}",
    )


@pytest.fixture(scope="module")
def tab(place: Place, open_tab: Callable[[], Tab]) -> Tab:
    """A tab that is logged in."""
    tab = open_tab()
    tab.go(place.url)
    assert tab.text().startswith("Skip to the content") or "Log in" in tab.text()
    tab.fill("#password", PASSWORD)
    tab.submit("button.main")
    assert "Overview" in tab.text()
    return tab


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_without_an_error_and_asks_nobody_else(
    place: Place, tab: Tab, path: str
) -> None:
    tab.troubles.clear()
    tab.requested.clear()
    tab.go(place.url.rstrip("/") + path)
    assert tab.evaluate("document.querySelectorAll('h1').length") == 1
    assert tab.evaluate("window.harmed") is None
    assert tab.evaluate("document.images.length + document.querySelectorAll('b').length") == 0
    assert "1337" not in tab.text()
    assert [each for each in tab.requested if not each.startswith(place.url)] == []
    assert tab.troubles == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_read_by_machines_and_by_keyboard(place: Place, tab: Tab, path: str) -> None:
    """A language, landmarks, a name for each field, a caption and scopes for each table."""
    tab.go(place.url.rstrip("/") + path)
    assert tab.evaluate("document.documentElement.lang") == "en"
    assert tab.evaluate("document.querySelectorAll('main, nav, header').length") == 3
    assert tab.evaluate(
        "[...document.querySelectorAll('table')].every(t => t.caption"
        " && [...t.querySelectorAll('th')].every(h => h.scope))"
    )
    assert tab.evaluate(
        "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
        ".every(f => f.labels.length || f.ariaLabel)"
    )
    assert tab.evaluate(
        "[...document.querySelectorAll('button, a')].every(b => b.innerText.trim())"
    )
    assert tab.evaluate("new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size") == (
        tab.evaluate("document.querySelectorAll('[id]').length")
    )


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_narrow_screen(place: Place, tab: Tab, path: str) -> None:
    narrow = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    tab.tell("Emulation.setDeviceMetricsOverride", **narrow)
    tab.go(place.url.rstrip("/") + path)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    tab.tell("Emulation.clearDeviceMetricsOverride")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_holds_no_secret_and_only_links_of_ours(place: Place, path: str) -> None:
    visitor = Visitor(place.url)
    visitor.log_in()
    page = visitor.get(path)
    assert page.status == 200
    assert place.commands.environment["EODHD_API_KEY"] not in page.text
    assert 'href="http' not in page.text
    assert "style=" not in page.text
    assert {c for c in page.text if not c.isprintable()} <= {"\n"}
