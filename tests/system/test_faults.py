"""One run over a vendor that answers half of its assets with every fault it knows.

Each asset ends as its own fault demands, whatever befalls the others, and what was sent equals
what was paid for.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from tests.support.commands import Finished, commands_at
from tests.support.database import Cluster
from tests.support.sandbox import Sandbox, sandbox
from tests.support.tables import add_assets, rows, value
from tests.support.truth import codes, differences, truth

ATTEMPTS = 3
BARS = 30
ROWS = (
    '[{"date":"2024-01-02","open":1,"high":1,"low":1,"close":%s,"adjusted_close":1,"volume":1%s}]'
)


def status(code: int, body: str = "", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"kind": "status", "status": code, "body": body, **more}


def answer(body: str | bytes) -> dict[str, Any]:
    sent = body.encode() if isinstance(body, str) else body
    return {"kind": "hostile_json", "body_base64": base64.b64encode(sent).decode()}


def raw(text: bytes) -> dict[str, Any]:
    return {"kind": "raw", "raw_base64": base64.b64encode(text).decode()}


# So many assets to each fault: the rest are well, and what they cost earns the retries.
ASSETS = 20
# Asked for again as often as may be, and left due without a row.
RETRIES: dict[str, dict[str, Any]] = {
    "500": status(500),
    "502 with a page": status(502, "<html>Bad Gateway</html>"),
    "503 that says when": status(503, headers={"Retry-After": "900"}),
    "504": status(504),
    "408": status(408),
    "reset before the answer": {"kind": "rst_before"},
    "reset in the answer": {"kind": "rst_at", "bytes": 100},
    "no answer": {"kind": "hang"},
    "a byte now and then": {"kind": "slow", "bytes_per_sec": 40},
    "shorter than its length": {"kind": "truncate_length"},
    "cut gzip": {"kind": "truncate_gzip"},
    "gzip without its trailer": {"kind": "truncate_gzip", "body": "[]", "bytes": 10},
    "gzip of a wrong sum": {"kind": "corrupt_gzip", "how": "crc"},
    "gzip of a wrong length": {"kind": "corrupt_gzip", "how": "length"},
    "gzip in two members": {"kind": "corrupt_gzip", "how": "members"},
    "gzip and then junk": {"kind": "corrupt_gzip", "how": "junk"},
    "ten thousand headers": {"kind": "header_bomb"},
    "one endless header": {"kind": "header_bomb", "count": 1, "size": 1_000_000},
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "an encoding not asked for": raw(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: br\r\n\r\n[]"
    ),
    # What is no JSON may be a passing trouble on the way.
    "cut and closed": {"kind": "truncate_close"},
    "a page": {"kind": "html"},
    "nothing": {"kind": "empty"},
    "the quota's words": {"kind": "quota_text"},
    "NaN in JSON": answer(ROWS % ("NaN", "")),
    "Infinity in JSON": answer(ROWS % ("Infinity", "")),
    "deep nesting": answer("[" * 100_000),
    "not UTF-8": answer(b'[{"date":"\xff\xfe"}]'),
    "JSON and then more": answer("[]]"),
}
# Refused for what it says: asked for once, and kept for a person to look at.
UNFIT: dict[str, dict[str, Any]] = {
    "400": status(400, "Bad Request"),
    "422": status(422, '{"errors":{"to":["The to is invalid."]}}'),
    "423": status(423, "Bulk requests are prohibited for free users."),
    "redirected": {"kind": "redirect", "location": "/api/eod/AAPL.US?fmt=json"},
    "redirected elsewhere": {"kind": "redirect", "location": "http://127.0.0.1:1/", "status": 301},
    "null": {"kind": "json_null"},
    "an object": {"kind": "json_object"},
    "an error in JSON": {"kind": "json_error"},
    "a list of numbers": answer("[1,2,3]"),
    "rows of another endpoint": answer('[{"date":"2024-01-02","split":"2/1"}]'),
    "another symbol": answer(ROWS % ("1", ',"code":"OTHER"')),
    "another range": {"kind": "shifted", "days": 4000},
    "a bomb": {"kind": "bomb", "mib": 2},
    "over the cap": answer("[" + " " * 300_000 + "]"),
}
# Known not to be there, for now.
ABSENCES: dict[str, dict[str, Any]] = {
    "404": status(404, "Ticker Not Found."),
    "404 with a page": {"kind": "html", "status": 404},
    "no rows": answer("[]"),
    "only the free plan's warning": {"kind": "warning", "where": "only"},
}
# Stored, with so many rows kept, repeated and rejected of those that came.
SURVIVALS: dict[str, tuple[dict[str, Any], tuple[int, int, int]]] = {
    "a 500 that passes": (status(500, times=ATTEMPTS - 1), (BARS, 0, 0)),
    "unordered": ({"kind": "unordered"}, (BARS, 0, 0)),
    "all rows twice": ({"kind": "duplicates"}, (BARS, BARS, 0)),
    "rows from the future": ({"kind": "future", "count": 2}, (BARS, 0, 2)),
    "two rows for one date": ({"kind": "contradiction"}, (BARS - 1, 0, 2)),
    "a warning beside the rows": ({"kind": "warning", "where": "extra"}, (BARS, 0, 0)),
    "a warning in each row": ({"kind": "warning", "where": "rows"}, (BARS, 0, 0)),
    "values of all kinds": (
        {
            "kind": "bad_values",
            "values": [
                {"row": 0, "field": "close", "raw": '"12.5"'},
                {"row": 1, "field": "open", "raw": "null"},
                {"row": 2, "field": "low", "raw": "-1"},
                {"row": 3, "field": "close", "raw": "0"},
                {"row": 4, "field": "high", "raw": "1" + "0" * 400},
                {"row": 5, "field": "date", "raw": '"0000-00-00"'},
                {"row": 6, "field": "volume", "raw": "-5"},
                {"row": 7, "field": "close", "raw": "999999.9999"},
                {"row": 8, "field": "volume", "raw": "null"},
            ],
        },
        (BARS - 8, 0, 8),
    ),
}
FAULTS = RETRIES | UNFIT | ABSENCES | {name: fault for name, (fault, _) in SURVIVALS.items()}


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
            answer_cap=200_000,
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
    assert ordeal.requests("redirected") == 1
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
    assert letter["request"].startswith(f"/eod/{symbol}")
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


@pytest.mark.parametrize("name", SURVIVALS)
def test_what_can_be_used_is_stored_and_the_rest_accounted_for(ordeal: Ordeal, name: str) -> None:
    kept, repeated, rejected = SURVIVALS[name][1]
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
