"""`changes` tells what the vendor changed since a moment: each change once, as it was then."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import psycopg
import pytest
from click.testing import CliRunner

from data_nexus.cli.main import nexus
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.changes import Changes, changes_since
from data_nexus.database.store.actions import VendorActions
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import Bars
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.postgres.workers import Worker, bars_from, batch_for

DAY = date(2024, 1, 2)
LONG_AGO = datetime.fromisoformat("2000-01-01T00:00Z")


def deliver(worker: Worker, url: str, bars: Bars) -> datetime:
    """Commit an answer for every asset; its moment."""
    worker.commit(*(batch_for(lease, bars) for lease in worker.claim(days_old=-1)))
    moment: datetime = value(url, "SELECT max(committed_at) FROM sync_log")
    return moment


def told(url: str, since: datetime = LONG_AGO, exchange: str | None = None) -> Changes:
    return changes_since(PostgresConnection(url), since, exchange)


def counted(found: Changes) -> dict[str, int]:
    """How many there are of each kind that has any."""
    return {kind: count for kind, count in found.counts.items() if count}


def test_a_restated_bar_is_told_as_it_was_and_as_it_became_then(
    worker: Worker, database_url: str
) -> None:
    """However often it was re-based and restated since."""
    add_assets(database_url, "A")
    bars = bars_from(DAY, 10.0, 20.0, volume=8_000)
    deliver(worker, database_url, bars)
    restated = replace(bars, open=np.array([10.0, 21.0]))
    at = deliver(worker, database_url, restated)
    dividend = replace(restated, adjusted_close=bars.adjusted_close * 0.9)
    deliver(worker, database_url, dividend)
    split = replace(
        dividend, adjusted_close=dividend.adjusted_close / 4, volume=dividend.volume * 4
    )
    deliver(worker, database_url, split)
    deliver(worker, database_url, replace(split, open=np.array([10.0, 22.0])))
    later, first = told(database_url).listed["restated"]
    bar = {"high": 20, "low": 20, "close": 20}
    assert first == {
        "ticker": "A.US",
        "date": DAY + timedelta(1),
        "moment": at,
        "old": {"open": 20, **bar, "adjusted_close": 10, "volume": 8_000},
        "new": {"open": 21, **bar, "adjusted_close": 10, "volume": 8_000},
    }
    assert (later["old"]["open"], later["new"]["open"]) == (21, 22)
    assert later["old"]["volume"] == later["new"]["volume"] == 32_000


def test_a_re_based_history_is_told_by_its_factors(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    bars = bars_from(DAY, 10.0, 20.0, volume=8_000)
    deliver(worker, database_url, bars)
    split = replace(bars, adjusted_close=bars.close / 8, volume=bars.volume * 4)
    at = deliver(worker, database_url, split)
    assert told(database_url).listed["rebased"] == [
        {
            "ticker": "A.US",
            "moment": at,
            "old_factor": 0.5,
            "new_factor": 0.125,
            "volume_ratio": 4.0,
            "bars": 2,
            "first_date": DAY,
            "last_date": DAY + timedelta(1),
        }
    ]


def test_only_what_came_after_the_moment_is_told(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    bars = bars_from(DAY, 10.0, 20.0)
    first = deliver(worker, database_url, bars)
    second = deliver(worker, database_url, replace(bars, open=bars.open + 1))
    add_assets(database_url, "NEW")
    assert counted(told(database_url, first)) == {"restated": 2, "appeared": 1}
    assert counted(told(database_url, second)) == {"appeared": 1}
    assert [row["ticker"] for row in told(database_url, second).listed["appeared"]] == ["NEW.US"]


def test_one_exchange_can_be_asked_for(worker: Worker, database_url: str) -> None:
    add_assets(database_url, "A")
    add_assets(database_url, "B", exchange="LSE")
    bars = bars_from(DAY, 10.0)
    deliver(worker, database_url, bars)
    deliver(worker, database_url, replace(bars, open=bars.open + 1))
    deliver(worker, database_url, replace(bars, adjusted_close=bars.close, open=bars.open + 1))
    found = told(database_url, exchange="LSE")
    assert counted(found) == {"restated": 1, "rebased": 1, "appeared": 1}
    assert {row["ticker"] for listed in found.listed.values() for row in listed} == {"B.LSE"}


def test_new_actions_are_told(database_url: str) -> None:
    (asset,) = add_assets(database_url, "A", created_at=LONG_AGO)
    rows(database_url, "INSERT INTO splits VALUES (%s, '2024-06-10', 4, 1)", asset)
    rows(
        database_url,
        "INSERT INTO dividends (asset_id, date, value, currency)"
        " VALUES (%s, '2024-05-10', 0.25, 'USD')",
        asset,
    )
    found = told(database_url)
    assert counted(found) == {"splits": 1, "dividends": 1}
    ((split,), (dividend,)) = found.listed["splits"], found.listed["dividends"]
    assert (split["ticker"], split["date"]) == ("A.US", date(2024, 6, 10))
    assert (split["numerator"], split["denominator"]) == (4, 1)
    assert (dividend["ticker"], dividend["date"]) == ("A.US", date(2024, 5, 10))
    assert (dividend["value"], dividend["currency"]) == (0.25, "USD")
    assert counted(told(database_url, dividend["moment"])) == {}


# Stretches of listings: asset, code, from and until (years), how it began.
Stretch = tuple[int, str, int, int | None, str]


@pytest.mark.parametrize(
    ("stretches", "expected"),
    [
        ([(1, "A", 2001, 2003, "listed")], {"vanished": ["A.US"]}),
        ([(1, "A", 2001, 2001, "renamed by the vendor")], {}),
        ([(1, "A", 2001, 2003, "listed"), (1, "A", 2003, None, "changed")], {}),
        (
            [(1, "A", 2001, 2003, "listed"), (1, "A", 2004, None, "returned")],
            {"vanished": ["A.US"], "appeared": ["A.US"]},
        ),
        (
            [(1, "A", 2001, 2003, "listed"), (1, "B", 2003, None, "renamed by the vendor")],
            {"renamed": ["A.US"]},
        ),
        ([(1, "A", 1990, 1999, "listed"), (1, "B", 1999, None, "renamed by the vendor")], {}),
    ],
    ids=["gone", "always dead", "new name", "away for a while", "new code", "long ago"],
)
def test_what_appeared_vanished_or_was_renamed_is_told(
    database_url: str, stretches: list[Stretch], expected: dict[str, list[str]]
) -> None:
    add_assets(database_url, "A", created_at=LONG_AGO)
    with psycopg.connect(database_url) as connection:
        for asset, code, first, until, began in stretches:
            connection.execute(
                "INSERT INTO listings (asset_id, from_moment, until_moment, symbol, exchange,"
                " venue, name, asset_type, began) VALUES"
                " (%s, make_date(%s, 1, 1), make_date(%s, 1, 1), %s, 'US', '', '', '', %s)",
                [asset, first, until, code, began],
            )
    found = told(database_url).listed
    assert {
        kind: [row["ticker"] for row in listed] for kind, listed in found.items() if listed
    } == expected


@pytest.fixture
def restated_url(worker: Worker, database_url: str) -> str:
    """A database in which thirty bars were restated at noon."""
    add_assets(database_url, "A")
    bars = bars_from(DAY, *(10.0 + n for n in range(30)))
    deliver(worker, database_url, bars)
    deliver(worker, database_url, replace(bars, close=bars.close + 1, high=bars.high + 1))
    return database_url


def run(url: str, *arguments: str) -> str:
    done = CliRunner().invoke(nexus, arguments, env={"DATABASE_URL": url, "COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_shows_counts_and_the_latest_and_json_has_all(restated_url: str) -> None:
    shown = run(restated_url, "changes", "--since", "2000-01-01")
    assert "30" in shown.splitlines()[0]
    assert "the latest 20 of 30" in shown
    answer = json.loads(run(restated_url, "changes", "--since", "2000-01-01", "--json"))
    assert answer["counts"]["restated"] == len(answer["restated"]) == 30
    assert answer["restated"][0]["old"]["close"] == 10
    assert answer["restated"][0]["new"]["close"] == 11


def test_bars_are_shown_as_of_a_moment(restated_url: str) -> None:
    first: datetime = value(restated_url, "SELECT min(committed_at) FROM sync_log")
    for moment, closes in (("2000-01-01", []), (first.isoformat(), [10.0, 11.0])):
        asked = ("bars", "A.US", "--to", "2024-01-03", "--as-of", moment, "--json")
        answer = json.loads(run(restated_url, *asked))
        assert [row["close"] for row in answer["bars"]] == closes


def test_an_action_is_withdrawn_only_if_no_other_came_in_its_place(
    worker: Worker, database_url: str
) -> None:
    """Of two splits one was changed; of two dividends of a day one remains, as it was."""
    add_assets(database_url, "A", actions_wanted_at=LONG_AGO)
    deliver(worker, database_url, bars_from(DAY, 10.0, 20.0))
    later = DAY + timedelta(30)
    paid = [
        Dividend(date=day, value=value, unadjusted_value=value, currency="USD")
        for day, value in ((DAY, 0.25), (later, 0.5), (later, 0.75))
    ]
    splits = (Split(DAY, 2.0, 1.0), Split(later, 3.0, 1.0))
    settle(worker, database_url, VendorActions(splits=splits, dividends=tuple(paid)))
    changed = (Split(later, 4.0, 1.0),)
    settle(worker, database_url, VendorActions(splits=changed, dividends=tuple(paid[1:2])))
    found = told(database_url).listed["withdrawn"]
    assert sorted((row["what"], row["date"], row["value"]) for row in found) == [
        ("dividend", DAY, 0.25),
        ("dividend", later, 0.75),
        ("split", DAY, 2.0),
    ]
    assert {row["ticker"] for row in found} == {"A.US"}
    shown = run(database_url, "changes", "--since", "2000-01-01")
    assert "withdrawn" in shown


def settle(worker: Worker, url: str, received: VendorActions) -> None:
    execute(url, "UPDATE assets SET actions_wanted_at = now()")
    (lease,) = worker.claim_wanted()
    assert worker.settle_actions(lease, received) is not None
