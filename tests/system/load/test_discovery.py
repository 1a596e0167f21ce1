"""Discovery over HTTP: the vendor's list becomes assets; what is no list changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from data_nexus.errors import CredentialsRefused
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, rows, snapshot, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.system.conftest import Placed

SYMBOLS = 40
# What is said to a person beside what the run keeps.
REMEDY = CredentialsRefused.remedy


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(
        symbols=SYMBOLS, years=1, exchange=["US", "LSE"], minute_limit=1_000_000
    ) as running:
        yield running


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)


@dataclass(frozen=True, slots=True)
class Known:
    """Commands whose exchange has been discovered, its vendor, and the database."""

    commands: Commands
    vendor: Sandbox
    url: str


@pytest.fixture(scope="module")
def known(
    vendor: Sandbox, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Known]:
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("known"), vendor, url)
        assert commands.run("discover").code == 0
        yield Known(commands, vendor, url)


def counts(answer: Any) -> list[tuple[int, ...]]:  # noqa: ANN401
    """Added, reactivated, deactivated, unchanged, by exchange."""
    keys = ("added", "reactivated", "deactivated", "unchanged")
    return [tuple(found[key] for key in keys) for found in answer["exchanges"]]


def test_an_unchanged_list_writes_nothing(commands: Commands, database_url: str) -> None:
    first = commands.run("discover", "--json")
    assert (first.code, counts(first.answer)) == (0, [(SYMBOLS, 0, 0, 0)])
    before = snapshot(database_url, "assets")
    second = commands.run("discover", "--json")
    assert (second.code, counts(second.answer)) == (0, [(0, 0, 0, SYMBOLS)])
    assert snapshot(database_url, "assets") == before


def test_the_assets_are_the_vendor_s_list(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    commands.run("discover", "--exchange", "US", "--exchange", "LSE", "--delisted")
    expected = {
        (
            *(row["Code"], exchange, row["Name"].strip(), row["Isin"] or None, bool(delisted)),
            *(row[key] for key in ("Exchange", "Type", "Country", "Currency")),
        )
        for exchange in ("US", "LSE")
        for delisted in (0, 1)
        for row in vendor.ask(
            f"/exchange-symbol-list/{exchange}", fmt="json", delisted=delisted
        ).json()
    }
    stored = rows(
        database_url,
        "SELECT symbol, exchange, name, isin, is_delisted, venue, asset_type, country, currency"
        " FROM assets",
    )
    assert set(stored) == expected
    assert len(stored) == len(expected)


def test_news_of_the_list_arrive(commands_for: Placed, database_url: str) -> None:
    with sandbox(symbols=SYMBOLS, years=1, minute_limit=1_000_000) as vendor:
        commands = commands_for(vendor)
        commands.run("discover")
        vendor.post("/list", {"action": "list", "symbol": "FRESH.US", "name": "Fresh Inc"})
        vendor.post("/list", {"action": "change", "symbol": "AAPL.US", "name": "Apple & Sons"})
        vendor.post("/list", {"action": "remove", "symbol": "TSLA.US"})
        answer = commands.run("discover", "--json").answer
        resting = commands.run("backfill", "--symbols", "TSLA.US", "--json").answer
    assert counts(answer) == [(1, 0, 1, SYMBOLS - 2)]
    assert resting["total_assets"] == 0
    assert answer["exchanges"][0]["updated"] == 1
    assert rows(
        database_url,
        "SELECT symbol, name, is_active FROM assets WHERE symbol IN ('FRESH', 'AAPL', 'TSLA')"
        " ORDER BY symbol",
    ) == [
        ("AAPL", "Apple & Sons", True),
        ("FRESH", "Fresh Inc", True),
        ("TSLA", "Tesla Inc", False),
    ]


def test_a_list_that_shrank_too_much_deactivates_nobody_and_ends_with_3(
    commands: Commands, vendor: Sandbox, database_url: str
) -> None:
    commands.run("discover")
    before = snapshot(database_url, "assets")
    vendor.post("/shrink", {"exchange": "US", "share": 0.5})
    done = commands.run("discover", "--json")
    assert (done.code, counts(done.answer)) == (3, [(0, 0, 0, SYMBOLS // 2)])
    reason = done.answer["exchanges"][0]["reason"]
    assert f"lacks {SYMBOLS // 2} of {SYMBOLS}" in reason
    assert reason in done.stderr
    assert snapshot(database_url, "assets") == before
    believed = commands.run("discover", "--max-shrink", "0.5", "--json")
    assert (believed.code, counts(believed.answer)) == (0, [(0, 0, SYMBOLS // 2, SYMBOLS // 2)])
    vendor.post("/shrink", {"exchange": "US", "share": 1})
    assert counts(commands.run("discover", "--json").answer) == [(0, SYMBOLS // 2, 0, SYMBOLS // 2)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "truncate_close"}, 6),
        ({"kind": "truncate_length"}, 6),
        ({"kind": "truncate_gzip"}, 6),
        ({"kind": "rst_at"}, 6),
        ({"kind": "status", "status": 500}, 6),
        ({"kind": "html"}, 6),
        ({"kind": "empty"}, 6),
        ({"kind": "quota_text"}, 6),
        ({"kind": "json_object"}, 3),
        ({"kind": "json_null"}, 3),
        ({"kind": "status", "status": 401}, 5),
        ({"kind": "status", "status": 403}, 5),
        ({"kind": "status", "status": 402}, 4),
        ({"kind": "status", "status": 404}, 2),
    ],
    ids=lambda part: " ".join(map(str, part.values())) if isinstance(part, dict) else str(part),
)
def test_what_is_no_list_changes_nothing(known: Known, fault: dict[str, Any], code: int) -> None:
    before = snapshot(known.url, "assets")
    known.vendor.post("/faults", {**fault, "endpoint": "exchange-symbol-list"})
    done = known.commands.run("discover", "--json", attempts=2)
    known.vendor.delete("/faults")
    # What a 402 says is believed for the rest of the day, and would end the other cases too.
    execute(known.url, "TRUNCATE quota_ledger")
    assert (done.code, done.answer["exit_code"]) == (code, code)
    outcome = value(known.url, "SELECT outcome FROM runs ORDER BY id DESC LIMIT 1")
    assert outcome == f"failed: {done.answer['error']}".removesuffix(f"; {REMEDY}")
    told = ("US: ", "the vendor knows no exchange", "the day's calls are used up")
    assert done.answer["error"].startswith(told)
    assert snapshot(known.url, "assets") == before


def test_an_exchange_that_nobody_knows_is_a_mistake_of_the_command(commands: Commands) -> None:
    done = commands.run("discover", "--exchange", "NOWHERE", "--json")
    assert done.code == 2
    assert "'NOWHERE'" in done.answer["error"]


def test_a_root_where_nothing_is_known_is_named_as_the_likely_cause(commands: Commands) -> None:
    root = f"{commands.environment['EODHD_BASE_URL']}/nowhere"
    wrong = replace(commands, environment={**commands.environment, "EODHD_BASE_URL": root})
    done = wrong.run("discover", "--exchange", "US", "--json")
    assert done.code == 2
    assert (
        "knows no exchange 'US' (US: 404); is the code right (`nexus exchanges` lists them), is"
        " EODHD_BASE_URL right?" in (done.answer["error"])
    )
    assert "the vendor has no account there" in done.stderr


def test_only_the_types_asked_for_are_listed(commands: Commands, database_url: str) -> None:
    commands.run("discover", "--type", "ETF")
    assert rows(database_url, "SELECT DISTINCT asset_type FROM assets") == [("ETF",)]
    etfs = value(database_url, "SELECT count(*) FROM assets")
    assert 0 < etfs < SYMBOLS
    answer = commands.run("discover", "--json").answer
    assert counts(answer) == [(SYMBOLS - etfs, 0, 0, etfs)]


def test_a_type_that_nobody_has_is_refused_and_kept_nowhere(
    commands: Commands, database_url: str
) -> None:
    """Else the weekly list would be filtered by it, and new listings stop without a word."""
    done = commands.run("discover", "--type", "Stock")
    assert done.code == 2
    assert "US: no symbol is of type 'Stock'; there are: Common Stock, ETF" in done.stderr
    assert value(database_url, "SELECT count(*) FROM discoveries") == 0
    assert commands.run("discover", "--type", "etf").code == 0
    assert rows(database_url, "SELECT DISTINCT asset_type FROM assets") == [("ETF",)]
    assert value(database_url, "SELECT types FROM discoveries") == ["ETF"]
