"""One run over a vendor that answers half of its assets with every fault it knows.

Each asset ends as its own fault demands, whatever befalls the others, and what was sent equals
what was paid for.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, rows, value
from tests.support.programs.commands import Finished, commands_at
from tests.support.vendor.faults import (
    ABSENCES,
    ANSWER_CAP,
    BARS,
    RETRIES,
    SURVIVALS,
    UNFIT,
    status,
)
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth

ATTEMPTS = 3
# So many assets to each fault: the rest are well, and what they cost earns the retries.
ASSETS = 20
# Stored in the end, besides what a survival of the table does.
PASSING = {"a 500 that passes": (status(500, times=ATTEMPTS - 1), (BARS, 0, 0))}
STORED = PASSING | SURVIVALS
FAULTS = RETRIES | UNFIT | ABSENCES | {name: fault for name, (fault, _) in STORED.items()}


class Facts(NamedTuple):
    """What became of an asset."""

    is_answered: bool
    times_failed: int
    rests: bool
    is_parked: bool
    bars: int
    log_entries: int


WITHOUT = Facts(
    is_answered=False, times_failed=0, rests=False, is_parked=False, bars=0, log_entries=0
)
LEFT_DUE = WITHOUT._replace(times_failed=1)
PARKED = WITHOUT._replace(is_parked=True)
RESTING = WITHOUT._replace(rests=True, log_entries=1)


@dataclass(frozen=True, slots=True)
class Ordeal:
    """The run as it ended, and whom each fault struck."""

    done: Finished
    vendor: Sandbox
    log: list[dict[str, Any]]
    struck: dict[str, str]
    healthy: list[str]
    facts: dict[str, Facts]
    letters: dict[str, dict[str, Any]]
    repaired: Finished
    pardoned: Finished
    retried: Finished
    url: str

    def requests(self, name: str) -> int:
        """How often the vendor was asked for the asset that this fault struck."""
        return sum(entry["symbol"] == self.struck[name] for entry in self.log)


def facts_of(url: str, symbol: str) -> Facts:
    """What the database says of an asset."""
    return Facts(
        *rows(
            url,
            "SELECT last_synced IS NOT NULL, times_failed, coalesce(ask_after > now(), false),"
            " parked_at IS NOT NULL,"
            " (SELECT count(*) FROM market_data WHERE asset_id = a.id),"
            " (SELECT count(*) FROM sync_log WHERE asset_id = a.id)"
            " FROM assets a WHERE symbol || '.' || exchange = %s",
            symbol,
        )[0]
    )


@pytest.fixture(scope="module")
def ordeal(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ordeal]:
    with (
        cluster.fresh_database() as url,
        sandbox(
            symbols=ASSETS * len(FAULTS), bars_per_symbol=BARS, clean=True, minute_limit=1_000_000
        ) as vendor,
    ):
        commands = commands_at(tmp_path_factory.mktemp("ordeal"), vendor, url)
        add_assets(url, *codes(vendor))
        # The queue is in this order: failures lie scattered among successes.
        symbols = [f"{code}.US" for code in codes(vendor)]
        struck = dict(zip(FAULTS, symbols[::ASSETS], strict=True))
        for name, fault in FAULTS.items():
            vendor.post("/faults", {**fault, "symbol": struck[name], "endpoint": "eod"})
        begun = len(vendor.log())
        done = commands.run(
            *("backfill", "--no-limit", "--concurrency", "8", "--json"),
            attempts=ATTEMPTS,
            answer_seconds=1.5,
            answer_cap=ANSWER_CAP,
        )
        log = vendor.log()[begun:]
        facts = {name: facts_of(url, symbol) for name, symbol in struck.items()}
        listed = commands.run("dead-letters", "list", "--json").answer["dead_letters"]
        vendor.delete("/faults")
        yield Ordeal(
            done=done,
            vendor=vendor,
            log=log,
            struck=struck,
            healthy=[symbol for symbol in symbols if symbol not in struck.values()],
            facts=facts,
            letters={letter["symbol"]: letter for letter in listed},
            repaired=commands.run("backfill", "--no-limit", "--json"),
            pardoned=commands.run("dead-letters", "retry", "--all", "--json"),
            retried=commands.run("backfill", "--no-limit", "--json"),
            url=url,
        )


def test_the_run_ends_with_3_and_tells_each_asset_s_trouble(ordeal: Ordeal) -> None:
    assert ordeal.done.code == 3, ordeal.done.stderr
    for figure, names in (("failed", RETRIES), ("parked", UNFIT)):
        symbols = [ordeal.struck[name] for name in names]
        assert ordeal.done.answer[figure] == len(symbols)
        told = re.findall(rf"{figure.title()} symbol=(\S+) ", ordeal.done.stderr)
        assert Counter(told) == Counter(symbols)


def test_nobody_else_suffered(ordeal: Ordeal) -> None:
    stored: dict[str, int] = dict(
        rows(
            ordeal.url,
            "SELECT symbol || '.US', inserted FROM sync_log JOIN assets a ON a.id = asset_id"
            " WHERE run_id = (SELECT min(id) FROM runs WHERE command = 'backfill')",
        )
    )
    assert {stored.get(symbol) for symbol in ordeal.healthy} == {BARS}


def test_one_wire_request_is_one_paid_attempt(ordeal: Ordeal) -> None:
    assert ordeal.done.answer["requests"] == len(ordeal.log)


def test_no_request_was_redirected(ordeal: Ordeal) -> None:
    assert ordeal.requests("redirected") == ATTEMPTS
    asked = [entry["path"] for entry in ordeal.log]
    assert asked.count("/api/eod/AAPL.US") <= ATTEMPTS


def test_nothing_is_held_when_the_run_is_over(ordeal: Ordeal) -> None:
    held = "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL OR lease_until IS NOT NULL"
    assert value(ordeal.url, held) == 0


@pytest.mark.parametrize("name", RETRIES)
def test_what_may_pass_is_tried_again_and_then_left_due(ordeal: Ordeal, name: str) -> None:
    assert ordeal.facts[name] == LEFT_DUE
    assert ordeal.requests(name) == ATTEMPTS


@pytest.mark.parametrize("name", UNFIT)
def test_what_is_unfit_is_asked_for_once_and_becomes_a_dead_letter(
    ordeal: Ordeal, name: str
) -> None:
    symbol = ordeal.struck[name]
    assert ordeal.facts[name] == PARKED
    assert ordeal.requests(name) == 1
    letter = ordeal.letters[symbol]
    assert letter["request"] == f"/eod/{symbol}?period=d&order=a&fmt=json"
    assert (letter["endpoint"], letter["count"], letter["is_parked"]) == ("eod", 1, True)
    assert symbol in letter["reason"]


def test_a_dead_letter_holds_the_status_and_what_was_said(ordeal: Ordeal) -> None:
    for name, fault in UNFIT.items():
        letter = ordeal.letters[ordeal.struck[name]]
        if fault["kind"] == "status":
            assert (letter["status"], letter["excerpt"]) == (fault["status"], fault["body"])
            assert letter["body_sha256"] == hashlib.sha256(fault["body"].encode()).hexdigest()
    odd = ordeal.letters[ordeal.struck["a list of numbers"]]
    assert (odd["status"], odd["excerpt"]) == (200, "[1,2,3]")


def test_dead_letters_are_exactly_the_unfit(ordeal: Ordeal) -> None:
    assert ordeal.letters.keys() == {ordeal.struck[name] for name in UNFIT}


@pytest.mark.parametrize("name", ABSENCES)
def test_what_has_no_bars_is_asked_again_rarely(ordeal: Ordeal, name: str) -> None:
    assert ordeal.facts[name] == RESTING
    assert ordeal.requests(name) == 1


@pytest.mark.parametrize("name", STORED)
def test_what_can_be_used_is_stored_and_the_rest_accounted_for(ordeal: Ordeal, name: str) -> None:
    kept, repeated, rejected = STORED[name][1]
    assert ordeal.facts[name] == WITHOUT._replace(is_answered=True, bars=kept, log_entries=1)
    logged = rows(
        ordeal.url,
        "SELECT received, inserted, unchanged, rejected, (SELECT count(*) FROM rejected_rows r"
        " WHERE r.asset_id = a.id) FROM sync_log JOIN assets a ON a.id = asset_id"
        " WHERE symbol || '.US' = %s",
        ordeal.struck[name],
    )
    assert logged == [(kept + repeated + rejected, kept, repeated, rejected, rejected)]


def test_once_the_faults_are_over_a_run_asks_for_what_is_due_and_has_all(ordeal: Ordeal) -> None:
    assert ordeal.repaired.code == 0, ordeal.repaired.stderr
    assert ordeal.repaired.answer["synced"] == ordeal.repaired.answer["calls"] == len(RETRIES)


def test_a_dead_letter_that_is_retried_goes_the_ordinary_way_and_is_gone(ordeal: Ordeal) -> None:
    assert ordeal.pardoned.answer == {"assets": len(UNFIT)}
    assert ordeal.retried.code == 0, ordeal.retried.stderr
    assert ordeal.retried.answer["synced"] == ordeal.retried.answer["calls"] == len(UNFIT)
    assert value(ordeal.url, "SELECT count(*) FROM dead_letters") == 0
    served = truth(ordeal.vendor)
    whole = {*ordeal.healthy, *(ordeal.struck[name] for name in RETRIES | UNFIT)}
    mask = [symbol in whole for symbol in served["symbol"].to_pylist()]
    counts = differences(ordeal.url, served.filter(mask))
    assert (counts["lost"], counts["served"]) == (0, BARS * len(whole))
