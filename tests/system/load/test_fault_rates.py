"""Loads of which one request in twenty is struck: by each kind of fault, and by many at once.

What each asset must have ended as, and what it may have cost, is computed from the vendor's own
log. The bound on what is sent is read as strictly as it can be: one request for each asset, and
one more for each time that it was struck by what may pass; at such a rate the sum, retries
included, is at most 1.1 times the assets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from data_nexus.sandbox.faults.faults import KINDS, OTHER_SYMBOL
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.forked_commands import forked
from tests.support.vendor.faults import (
    ABSENCES,
    ANSWER_CAP,
    BARS,
    RETRIES,
    SURVIVALS,
    UNFIT,
    Fault,
    status,
)
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth

SHARE = 0.05
# So many assets for each kind, for what makes everybody wait or end, and for all kinds at once.
ASSETS, FEW, MANY = 250, 100, 1500
LIMIT = {"429": status(429, headers={"Retry-After": "1"})}
# The answer is well, but the next request on its connection is lost, unseen by the vendor.
CLOSING = {"closed behind the answer": {"kind": "close_idle", "after_sec": 0.05}}
SILENT = {"no answer", "a byte now and then"}
SURVIVED = {name: fault for name, (fault, _) in SURVIVALS.items()}
FAULTS = RETRIES | LIMIT | CLOSING | UNFIT | ABSENCES | SURVIVED


class End(NamedTuple):
    """What became of an asset, and how many bars of it are stored."""

    state: str
    bars: int = 0


WHOLE = End("answered", BARS)
# What a struck answer makes of its asset; one that is not here is asked for again.
ENDS = (
    dict.fromkeys(CLOSING, WHOLE)
    | dict.fromkeys(UNFIT, End("parked"))
    | dict.fromkeys(ABSENCES, End("resting"))
    | {name: End("answered", kept) for name, (_, (kept, _, _)) in SURVIVALS.items()}
)


def mark(name: str) -> tuple[str, int]:
    """How the vendor's log shows this fault: by its kind and the answer's status."""
    return FAULTS[name]["kind"], FAULTS[name].get("status", 200)


# Of the faults that the log does not tell apart, the first.
MIXTURE = tuple({mark(name): name for name in reversed(FAULTS)}.values())
# Of each kind and fate one has a turn in every run, the others in `make campaign`.
FATES = (RETRIES, LIMIT, CLOSING, UNFIT, ABSENCES, SURVIVED)
FIRST = {
    (fault["kind"], n): name
    for n, fate in enumerate(FATES)
    for name, fault in reversed(fate.items())
}.values()
CASES = {name: (name,) for name in FAULTS} | {"all at once": MIXTURE}
TURNS = [
    pytest.param(
        name, marks=() if name in (*FIRST, "all at once") else pytest.mark.campaign(1, "load")
    )
    for name in CASES
]


@dataclass(frozen=True, slots=True)
class Place:
    """Commands, their vendor with all that it serves, and their database."""

    vendor: Sandbox
    codes: list[str]
    bars: pa.Table
    commands: Commands
    url: str

    def begin(self, assets: int) -> int:
        """Forget all but the ledger, know so many assets; the length of the vendor's log."""
        execute(
            self.url,
            "TRUNCATE assets, market_data, market_data_revisions, rejected_rows, dead_letters,"
            " sync_log, runs",
        )
        add_assets(self.url, *self.codes[:assets])
        return int(self.vendor.get("/stats")["requests"])

    def strike(self, fault: Fault, share: float) -> None:
        """Let a fault strike this share of the requests for histories."""
        self.vendor.post("/faults", {**fault, "endpoint": "eod", "share": share})

    def backfill(self, **settings: object) -> int | None:
        """Run a backfill of all that is due to its end; its exit code."""
        arguments = ("backfill", "--no-limit", "--concurrency", "8")
        with forked(self.commands, *arguments, answer_cap=ANSWER_CAP, **settings) as running:
            running.join(60)
        return running.exitcode

    def end(self, since: int) -> list[dict[str, Any]]:
        """Put an end to the faults; what was asked since then."""
        self.vendor.delete("/faults")
        return list(self.vendor.get(f"/log?since={since}"))

    def ends(self) -> dict[str, End]:
        """What the database says of each asset."""
        found = rows(
            self.url,
            "SELECT symbol || '.' || exchange,"
            " concat_ws(' and ', CASE WHEN last_synced IS NOT NULL THEN 'answered' END,"
            " CASE WHEN ask_after > now() THEN 'resting' END,"
            " CASE WHEN parked_at IS NOT NULL THEN 'parked' END,"
            " CASE WHEN times_failed > 0 THEN 'failed' END,"
            " CASE WHEN lease_owner IS NOT NULL OR lease_until IS NOT NULL THEN 'held' END),"
            " (SELECT count(*) FROM market_data WHERE asset_id = a.id) FROM assets a",
        )
        return {symbol: End(state, bars) for symbol, state, bars in found}

    def paid(self) -> int:
        """How many requests the runs say that they paid for."""
        return int(value(self.url, "SELECT sum((figures->>'requests')::int) FROM runs"))


@dataclass(frozen=True, slots=True)
class Load:
    """A load as it ended, and what befell each request for an asset, in their order.

    `answers` holds the names of faults, None for an answer that none of them struck; `seen` is the
    number of all requests that reached the vendor, those for the account included.
    """

    names: tuple[str, ...]
    assets: int
    code: int | None
    answers: dict[str, list[str | None]]
    seen: int

    @property
    def sent(self) -> int:
        """How many requests for a history reached the vendor."""
        return sum(map(len, self.answers.values()))

    @property
    def strikes(self) -> Counter[str]:
        """How often each fault struck."""
        return Counter(name for names in self.answers.values() for name in names if name)

    @property
    def ends(self) -> dict[str, End | None]:
        """What the last answer for each asset must have made of it."""
        last = {symbol: names[-1] for symbol, names in self.answers.items()}
        return {symbol: ENDS.get(name) if name else WHOLE for symbol, name in last.items()}


@pytest.fixture(scope="module")
def place(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with (
        cluster.fresh_database() as url,
        sandbox(symbols=MANY, bars_per_symbol=BARS, clean=True, minute_limit=1_000_000) as vendor,
    ):
        commands = commands_at(tmp_path_factory.mktemp("rates"), vendor, url)
        yield Place(vendor, codes(vendor), truth(vendor), commands, url)


@pytest.fixture(scope="module", params=TURNS)
def load(request: pytest.FixtureRequest, place: Place) -> Load:
    """A load under one case's faults, by one run."""
    names = CASES[request.param]
    assets, settings = ASSETS, {}
    if len(names) > 1:
        assets = MANY
    if names[0] in LIMIT:
        # To be told to wait uses up no attempt.
        assets, settings = FEW, {"attempts": 1}
    if SILENT & {*names}:
        # A deadline that a healthy answer might miss is only for answers that never come.
        settings = {"answer_seconds": 2}
        assets = FEW if len(names) == 1 else MANY
    since = place.begin(assets)
    for name in names:
        place.strike(FAULTS[name], SHARE / len(names))
    code = place.backfill(**settings)
    log = place.end(since)
    return Load(names, assets, code, answers_in(log, names), len(log))


def answers_in(log: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, list[str | None]]:
    """The fault that struck each request for a history, by symbol."""
    named = {mark(name): name for name in names}
    answers = defaultdict(list)
    for entry in log:
        if entry["endpoint"] == "eod":
            fault = entry["fault"] and named[entry["fault"], entry["status"]]
            answers[entry["symbol"]].append(fault)
    return answers


def test_every_kind_of_the_sandbox_is_here() -> None:
    """But one: a history does not say whose it is, so that a whole one of another is believed."""
    assert {FAULTS[name]["kind"] for name in FIRST} == {*KINDS} - {OTHER_SYMBOL}


def test_one_request_in_twenty_is_struck(load: Load) -> None:
    assert SHARE / 3 < load.strikes.total() / load.sent < SHARE * 2
    assert len(load.strikes) > len(load.names) / 2


def test_the_load_completes_and_each_asset_ends_as_its_last_answer_demands(
    load: Load, place: Place
) -> None:
    ends = place.ends()
    assert ends == load.ends
    assert len(ends) == load.assets
    assert load.code == (3 if End("parked") in ends.values() else 0)


def test_nobody_is_asked_for_again_but_for_a_fault_that_may_pass(load: Load) -> None:
    before_the_last = {name for names in load.answers.values() for name in names[:-1]}
    assert before_the_last <= (RETRIES | LIMIT).keys()


def test_requests_are_at_most_a_tenth_more_than_assets(load: Load, place: Place) -> None:
    """Those that were paid, but for the account's: no fewer than the vendor saw."""
    account = load.seen - load.sent
    assert place.paid() - account <= 1.1 * load.assets


def test_one_wire_request_is_one_paid_attempt(load: Load, place: Place) -> None:
    lost = sum(load.strikes[name] for name in CLOSING)
    assert load.seen <= place.paid() <= load.seen + lost


def test_dead_letters_are_exactly_the_assets_with_an_unfit_answer(load: Load, place: Place) -> None:
    unfit = [symbol for symbol, names in load.answers.items() if not UNFIT.keys().isdisjoint(names)]
    letters = rows(
        place.url,
        "SELECT symbol || '.' || exchange, count FROM dead_letters d"
        " JOIN assets a ON a.id = d.asset_id",
    )
    assert sorted(letters) == [(symbol, 1) for symbol in sorted(unfit)]


def test_what_is_stored_is_what_the_vendor_serves(load: Load, place: Place) -> None:
    """What an altering fault left of an asset's bars is counted as invented, all of it."""
    whole = {symbol for symbol, end in load.ends.items() if end == WHOLE}
    mask = [symbol in whole for symbol in place.bars["symbol"].to_pylist()]
    assert differences(place.url, place.bars.filter(mask)) == {
        "lost": 0,
        "invented": sum(end.bars for end in load.ends.values() if end and end != WHOLE),
        "served": BARS * len(whole),
    }


# The exit code of a run that meets it: the day's calls are spent, or the key is no good.
STOPS = {401: 5, 402: 4, 403: 5}


@pytest.mark.parametrize("refused", STOPS)
def test_what_ends_a_run_costs_an_asset_nothing_and_the_next_run_goes_on(
    place: Place, refused: int
) -> None:
    since = place.begin(FEW)
    place.strike(status(refused), SHARE)
    ended = [place.backfill()]
    while ended[-1] == STOPS[refused] and len(ended) < 2 * SHARE * FEW:
        ended.append(place.backfill())
    log = place.end(since)
    asked = Counter(entry["symbol"] for entry in log if entry["endpoint"] == "eod")
    struck = Counter(entry["symbol"] for entry in log if entry["fault"])
    assert len(ended) > 2, ended
    assert ended[-1] == 0
    assert asked == Counter([f"{code}.US" for code in place.codes[:FEW]]) + struck
    assert asked.total() <= 1.1 * FEW
    assert place.paid() == len(log)
    assert set(place.ends().values()) == {WHOLE}
    assert value(place.url, "SELECT count(*) FROM dead_letters") == 0
