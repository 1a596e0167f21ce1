"""What a person does on the pages of jobs and watchlists is done, and only what can be."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.jobs.jobs import list_jobs
from data_nexus.database.reader.watchlists.follows import list_followed
from data_nexus.database.reader.watchlists.watchlists import list_members, list_watchlists
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.dashboards import Page, Visitor, dashboard_of
from tests.support.vendor.sandbox import sandbox


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in, the database, and commands on it."""

    visitor: Visitor
    database: PostgresConnection
    commands: Commands

    def act(self, path: str, **form: str) -> Page:
        """Send a form of a page."""
        return self.visitor.post(path, {"csrf": self.visitor.form_token(path)} | form)


@pytest.fixture(scope="module")
def person(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with cluster.fresh_database() as url, sandbox(symbols=4, clean=True, exchange="US") as vendor:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        for words in (("discover", "--exchange", "US"), ("backfill",), ("run", "--once")):
            assert commands.run(*words).code == 0
        with dashboard_of(commands, login=True) as own_url:
            visitor = Visitor(own_url)
            visitor.log_in()
            yield Person(visitor, PostgresConnection(url), commands)


def test_a_job_is_paused_and_resumed(person: Person) -> None:
    job = "update-US"
    page = person.act("/jobs", action="pause", job=job)
    assert page.status == 303
    assert "rests until it is resumed" in person.visitor.get(page.headers["location"]).text
    assert [each.paused_at is None for each in list_jobs(person.database) if each.name == job] == [
        False
    ]
    refused = person.act("/jobs", action="run", job=job)
    assert (refused.status, "nexus jobs resume" in refused.text) == (400, True)
    assert person.act("/jobs", action="resume", job=job).status == 303
    assert [each.paused_at for each in list_jobs(person.database) if each.name == job] == [None]


def test_a_run_that_is_asked_for_is_done_by_the_next_daemon(person: Person) -> None:
    assert person.commands.run("run", "--once", "--json").answer == {"runs": []}
    assert person.act("/jobs", action="run", job="update-US").status == 303
    (run,) = person.commands.run("run", "--once", "--json").answer["runs"]
    assert (run["job"], run["outcome"]) == ("update-US", "done")
    assert person.commands.run("run", "--once", "--json").answer == {"runs": []}


@pytest.mark.parametrize("form", [{"action": "drop", "job": "update-US"}, {"action": "pause"}, {}])
def test_what_no_job_can_do_is_refused(person: Person, form: dict[str, str]) -> None:
    assert person.act("/jobs", **form).status == 400


def test_a_watchlist_is_made_changed_and_followed(person: Person) -> None:
    page = person.act("/watchlists", action="create", name="mine", symbols="AAPL.US, MSFT.US")
    assert page.headers["location"] == "/watchlists/mine"
    path = "/watchlists/mine"
    form = {"csrf": person.visitor.form_token(path), "name": "mine"}
    remove = {"action": "remove", "symbols": "AAPL.US"}
    assert person.visitor.post("/watchlists", form | remove).status == 303
    assert [each.symbol for each in list_members(person.database, "mine")] == ["MSFT.US"]
    add = {"action": "add", "symbols": "AAPL.US"}
    assert person.visitor.post("/watchlists", form | add).status == 303
    assert [each.assets for each in list_watchlists(person.database)] == [2]
    assert person.act("/watchlists", action="follow-only", name="mine").status == 303
    assert [(each.watchlists, each.followed) for each in list_followed(person.database)] == [
        (["mine"], 2)
    ]
    assert person.act("/watchlists", action="follow-exchange", exchange="US").status == 303
    assert [(each.watchlists, each.followed) for each in list_followed(person.database)] == [
        ([], 4)
    ]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"action": "create", "name": "<b>"}, "not a name for a watchlist"),
        ({"action": "create", "name": "other", "symbols": "NOPE.US"}, "NOPE.US"),
        ({"action": "add", "name": "none", "symbols": "AAPL.US"}, "none"),
        ({"action": "drop", "name": "mine"}, "none of this page"),
        ({"action": "follow-exchange", "exchange": "../x"}, "exchange"),
    ],
)
def test_what_no_watchlist_can_be_is_refused(
    person: Person, form: dict[str, str], said: str
) -> None:
    page = person.act("/watchlists", **form)
    assert (page.status, said in page.text) == (400, True)


def test_a_watchlist_is_read_a_page_at_a_time(person: Person) -> None:
    assert person.act("/watchlists", action="create", name="all").status == 303
    execute(
        person.database.url,
        "INSERT INTO assets (symbol, exchange)"
        " SELECT 'P' || n, 'LSE' FROM generate_series(1, 500) n",
        "INSERT INTO watched_assets (watchlist, asset_id)"
        " SELECT 'all', id FROM assets WHERE exchange = 'LSE'",
    )
    path, seen = "/watchlists/all", list[str]()
    while path:
        text = person.visitor.get(path).text
        seen += re.findall(r">(P\d+\.LSE)<", text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = html.unescape(following[1]) if following else ""
    assert seen == sorted(f"P{n}.LSE" for n in range(1, 501))
