"""Each page in a real browser: no error, no other host asked, and hostile names only shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import LiteralString
from urllib.parse import quote

import pytest

from tests.support.files.axe import grave_findings
from tests.support.files.chromium import Tab
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, eventually, execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.dashboards import LOGIN_WORD, Visitor, dashboard_of
from tests.support.vendor.sandbox import sandbox

HOSTILE = (
    "<script>window.harmed=1</script>\"'><img src=x onerror=window.harmed=1>"
    " <a href='javascript:window.harmed=1'>click</a> {{ 7 * 191 }} \x1b[31m \u202egnp"
)
PAGES = (
    *("/", "/coverage", "/coverage/US/2024", "/assets", "/assets?q=odd&state=parked", "/assets/1"),
    *("/assets/6", "/dead-letters", "/dead-letters?asset=6", "/login", "/runs", "/runs/1"),
    *("/runs/2", "/plan", "/jobs", "/watchlists", "/watchlists/mine"),
)


# What holds of a page, and how the page itself says so.
CLAIMS = {
    "no text of the vendor's has run": "window.harmed === undefined",
    "none has become a part of the page": (
        "document.querySelectorAll('b, script:not([src]), img:not(.chart)').length === 0"
    ),
    "it fits": "document.documentElement.scrollWidth <= 400",
    "it has a language": "document.documentElement.lang === 'en'",
    "it has one heading": "document.querySelectorAll('h1').length === 1",
    "it has landmarks": "document.querySelectorAll('main, nav, header').length === 3",
    "each table has a caption, and scopes": (
        "[...document.querySelectorAll('table')].every(t => t.caption"
        " && [...t.querySelectorAll('th')].every(h => h.scope))"
    ),
    "each field has a name": (
        "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
        ".every(f => f.labels.length || f.ariaLabel)"
    ),
    "each button and link has a text": (
        "[...document.querySelectorAll('button, a')].every(b => b.textContent.trim())"
    ),
    "each id is one": (
        "(all => new Set(all).size === all.length)"
        "([...document.querySelectorAll('[id]')].map(e => e.id))"
    ),
    "what scrolls can be reached by keyboard": (
        "[...document.querySelectorAll('.scroll')].every(s => s.tabIndex === 0)"
    ),
}


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
        watched = ("watchlist", "create", "mine", "AAPL.US")
        for words in (("discover", "--exchange", "US"), ("backfill",), watched):
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
    alert = (
        "INSERT INTO alerts (condition, subject, detail, noticed_at, raised_at)"
        " VALUES (%s, %s, %s, '2024-01-02', '2024-01-02 03:04Z')"
    )
    for condition in ("not-fresh", "job-failed", "disk"):
        rows(url, alert, condition, HOSTILE, HOSTILE)
    years = "INSERT INTO coverage_years SELECT 'US', y, 250, 240, 0, 10, 1, now()"
    execute(
        url,
        f"{years} FROM generate_series(2020, 2024) y",
        "INSERT INTO coverage_gaps SELECT id, 2024, 'US', 10 FROM assets",
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
    tab.fill("#password", LOGIN_WORD)
    tab.submit("button.main")
    assert "Overview" in tab.text()
    return tab


@pytest.mark.parametrize("path", PAGES)
def test_a_page_works_for_everyone_and_asks_nobody_else(place: Place, tab: Tab, path: str) -> None:
    """On a narrow screen, by keyboard and for machines; whatever the vendor's texts say."""
    tab.troubles.clear()
    tab.requested.clear()
    narrow = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    tab.tell("Emulation.setDeviceMetricsOverride", **narrow)
    tab.go(place.url.rstrip("/") + path)
    assert {claim: tab.evaluate(script) for claim, script in CLAIMS.items()} == dict.fromkeys(
        CLAIMS, True
    )
    assert "1337" not in tab.text()
    ours = (place.url, "data:")  # the browser's own signs are within it
    assert [each for each in tab.requested if not each.startswith(ours)] == []
    assert tab.troubles == []


def test_axe_finds_nothing_serious_in_any_page(place: Place, tab: Tab) -> None:
    found = {}
    for path in PAGES:
        tab.go(place.url.rstrip("/") + path)
        if grave := grave_findings(tab):
            found[path] = grave
    assert found == {}


def test_axe_sees_what_cannot_be_read(place: Place, tab: Tab) -> None:
    """In both schemes; and what has no name."""
    tab.go(f"{place.url}runs")
    tab.evaluate("document.querySelector('h1').style.cssText = 'color:#888;background:#999'")
    tab.evaluate("document.querySelector('main').append(document.createElement('select'))")
    rules = [each.rpartition(":")[0] for each in grave_findings(tab)]
    assert rules == ["dark: color-contrast", "light: color-contrast", "light: select-name"]


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


def test_each_page_has_been_looked_at(place: Place) -> None:
    """Whatever the menu leads to is among the pages above."""
    visitor = Visitor(place.url)
    visitor.log_in()
    menu = visitor.get("/").text.partition("<nav")[2].partition("</nav>")[0]
    assert {*re.findall(r'href="([^"]+)"', menu)} <= {*PAGES}


def test_alerts_lead_to_what_they_are_about(place: Place) -> None:
    """Only those that are not over; a silenced one is shown, and is no reason to worry."""
    visitor = Visitor(place.url)
    visitor.log_in()

    def part() -> str:
        return visitor.get("/").text.partition('id="alerts"')[2].partition("</section>")[0]

    found = re.findall(r'<th scope="row">(?:<a href="([^"]*)">)?([a-z-]+)<', part())
    hostile = f"/assets?state=stale&amp;exchange={quote(HOSTILE.partition(' ')[0], safe='')}"
    assert found == [("", "disk"), ("/jobs", "job-failed"), (hostile, "not-fresh")]
    assert part().count("2024-01-02 03:04") == 3
    assert "3 alerts not over." in visitor.get("/").text
    silenced = place.commands.run("alerts", "silence", "disk", "--for", "2h")
    assert silenced.code == 0
    rows(place.database_url, "UPDATE alerts SET recovered_at = now() WHERE condition = 'not-fresh'")
    eventually(lambda: "not-fresh" not in part() and "silenced until" in part())
    assert "1 alert not over." in visitor.get("/").text


@pytest.mark.parametrize("query", ["", "?span=all&adjust=total", "?as_of=2026-13-45&span=no"])
def test_a_chart_is_a_picture_in_which_nothing_runs(place: Place, query: str) -> None:
    visitor = Visitor(place.url)
    visitor.log_in()
    chart = visitor.get(f"/assets/1/chart.svg{query}")
    assert (chart.status, chart.headers["content-type"]) == (200, "image/svg+xml")
    assert chart.text.startswith("<svg")
    assert "<script" not in chart.text
    assert "onerror" not in re.sub(r">[^<]*<|\"[^\"]*\"", "", chart.text)


def test_a_person_lets_a_history_be_read_again(place: Place, tab: Tab) -> None:
    wanted: LiteralString = "SELECT count(*) FROM assets WHERE repair_wanted_at IS NOT NULL"
    tab.go(f"{place.url}assets/2")
    tab.submit("form[action='/assets/2/read-again'] button")
    assert "will be read again by the next nexus repair" in tab.text()
    assert value(place.database_url, wanted) == 1


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/assets/999",
            "/assets/9999999999",
            "/assets/x",
            "/coverage/US/20",
            "/coverage/<b>/2024",
        ),
        *("/assets/1/chart.svg/", "/events/x", "/runs/99", "/runs/9999999999"),
    ],
)
def test_what_is_not_there_is_not_found(place: Place, path: str) -> None:
    visitor = Visitor(place.url)
    visitor.log_in()
    assert visitor.get(path).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/assets?q=%00&exchange=%27%3B&state=x&beyond=%00&after=%ff",
        "/assets?q=%25_%5C",
        "/coverage/US/2024?after=x&missing=-1",
        "/dead-letters?days=9999999999999&asset=x&exchange=%00&endpoint=%3Cb%3E&reason=%00%ff",
        "/assets/1?adjust=x&span=%00&as_of=0001-01-01",
    ],
)
def test_a_query_that_is_none_is_taken_for_what_it_is(place: Place, path: str) -> None:
    visitor = Visitor(place.url)
    visitor.log_in()
    assert visitor.get(path).status == 200
