"""A person acts on everything that a filter matches: counted, confirmed, and done in one act."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.dead_letters import (
    LetterFilter,
    count_letters,
    read_letters_page,
    retry_letters,
)
from tests.support.files.chromium import Tab
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.programs.commands import commands_at
from tests.support.programs.dashboards import LOGIN_WORD, Visitor, dashboard_of
from tests.support.vendor.sandbox import sandbox

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
PARKED: LiteralString = (
    "SELECT exchange, count(*) FROM assets WHERE parked_at IS NOT NULL GROUP BY 1 ORDER BY 1"
)
MANY: LiteralString = (
    "INSERT INTO assets (symbol, exchange, parked_at)"
    " SELECT 'S' || n, CASE WHEN n % 2 = 0 THEN 'US' ELSE 'LSE' END, now()"
    " FROM generate_series(1, {count}) n"
)
LETTERS: LiteralString = (
    "INSERT INTO dead_letters (asset_id, endpoint, reason, last_at)"
    " SELECT id, 'eod', symbol || ': refused (422)', now() - id * interval '1 second' FROM assets"
)


@pytest.fixture(scope="module")
def served(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URLs of a dashboard with a login, and of its database."""
    with cluster.fresh_database() as url, sandbox(symbols=1, bars_per_symbol=2) as vendor:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        with dashboard_of(commands, login=True) as own_url:
            yield own_url, url


@pytest.fixture
def filled(served: tuple[str, str]) -> tuple[str, str]:
    """150 dead letters of US and 150 of LSE."""
    execute(served[1], "TRUNCATE assets, dead_letters", MANY.replace("{count}", "300"), LETTERS)
    return served


@pytest.fixture
def visitor(filled: tuple[str, str]) -> Visitor:
    visitor = Visitor(filled[0])
    visitor.log_in()
    return visitor


def test_a_person_retries_all_of_an_exchange(
    filled: tuple[str, str], open_tab: Callable[[], Tab]
) -> None:
    own_url, url = filled
    tab = open_tab()
    tab.go(f"{own_url}dead-letters?exchange=US")
    tab.fill("#password", LOGIN_WORD)
    tab.submit("button.main")
    assert "150 of this kind" in tab.text()
    tab.submit("button[value=retry]")
    assert "Retry 150 dead letters?" in tab.text()
    assert rows(url, PARKED) == [("LSE", 150), ("US", 150)]
    tab.submit("main button[value=retry]")
    assert "150 assets put back into the queue" in tab.text()
    assert rows(url, PARKED) == [("LSE", 150)]
    assert tab.troubles == []


def test_what_came_after_the_question_is_left(filled: tuple[str, str], visitor: Visitor) -> None:
    token = visitor.form_token("/dead-letters")
    asked = visitor.post("/dead-letters", {"csrf": token, "action": "drop"})
    assert "Drop 300 dead letters?" in asked.text
    seen = asked.text.partition('name="seen" value="')[2].partition('"')[0]
    add_assets(filled[1], "LATER", parked_at=NOW)
    execute(filled[1], LETTERS.replace("FROM assets", "FROM assets WHERE symbol = 'LATER'"))
    execute(filled[1], "UPDATE dead_letters SET last_at = now() WHERE reason LIKE 'LATER%'")
    form = {"csrf": token, "action": "drop", "seen": seen.replace("&#43;", "+")}
    assert visitor.post("/dead-letters", form).status == 303
    assert rows(filled[1], "SELECT reason FROM dead_letters") == [("LATER: refused (422)",)]
    assert value(filled[1], "SELECT count(*) FROM assets WHERE paused_at IS NOT NULL") == 300


@pytest.mark.parametrize(
    "form",
    [
        {"action": "delete"},
        {},
        {"action": "retry", "seen": "yesterday"},
        {"action": "retry", "seen": "2026-11-10T12:00:00", "csrf": "wrong"},
    ],
)
def test_an_action_that_is_none_changes_nothing(
    filled: tuple[str, str], visitor: Visitor, form: dict[str, str]
) -> None:
    token = visitor.form_token("/dead-letters")
    page = visitor.post("/dead-letters", {"csrf": token} | form)
    assert page.status in (400, 403)
    assert rows(filled[1], PARKED) == [("LSE", 150), ("US", 150)]


def test_each_letter_is_on_one_page(filled: tuple[str, str], visitor: Visitor) -> None:
    path, seen = "/dead-letters", list[str]()
    for _ in range(7):
        text = visitor.get(path).text
        seen += [part.partition(">")[2].partition("<")[0] for part in text.split("?asset=")[1:]]
        following = text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        if not following:
            break
        path = following
    latest = rows(filled[1], "SELECT symbol || '.' || exchange FROM assets ORDER BY id")
    assert seen == [symbol for (symbol,) in latest]


def test_a_filter_matches_by_each_of_its_parts(filled: tuple[str, str]) -> None:
    database = PostgresConnection(filled[1])
    execute(filled[1], "UPDATE dead_letters SET endpoint = 'div' WHERE reason LIKE 'S7:%'")
    (asset_id,) = rows(filled[1], "SELECT id FROM assets WHERE symbol = 'S9'")[0]
    old = datetime.now(UTC) - timedelta(days=1)
    counts = {
        300: LetterFilter(),
        150: LetterFilter(exchange="LSE"),
        1: LetterFilter(endpoint="div"),
        11: LetterFilter(reason="s10"),
        0: LetterFilter(until=old),
    }
    assert {count_letters(database, each, 1000) for each in counts.values()} == {*counts}
    assert {count: count_letters(database, each, 1000) for count, each in counts.items()} == {
        count: count for count in counts
    }
    found = read_letters_page(database, LetterFilter(asset_ids=[asset_id]))
    assert [letter.symbol for letter in found] == ["S9.LSE"]
    assert count_letters(database, LetterFilter(), 5) == 5


@pytest.mark.campaign(100_000, "dead letters")
def test_a_hundred_thousand_are_retried_at_once(cluster: Cluster) -> None:
    """In one statement of less than two seconds, the best of three times."""
    with cluster.fresh_database() as url:
        execute(url, MANY.replace("{count}", "100000"), LETTERS, "ANALYZE")
        database, which = PostgresConnection(url), LetterFilter(reason="refused")
        seconds = []
        for _ in range(3):
            execute(url, "UPDATE assets SET parked_at = now()")
            assert count_letters(database, which, 1_000_000) == 100_000
            begun = time.monotonic()
            assert retry_letters(database, which) == 100_000
            seconds.append(time.monotonic() - begun)
        assert min(seconds) < 2.0, seconds
