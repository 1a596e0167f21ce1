"""Loads from a vendor in trouble: one that spoils 15 answers in 100, one that is down for a while.

A load takes the time that its requests need at the vendor's limit, and the time of the outage;
little more, whatever has to be sent again. The sizes are seconds here, minutes in the campaign.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, eventually, rows, value
from tests.support.programs.commands import commands_at
from tests.support.programs.forked_commands import forked
from tests.support.vendor.faults import BARS, RETRIES, Fault, status
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import codes, differences, truth

ASSETS = sized(200, 5000)
MINUTE = sized(3000, 6000)
OUTAGE_SEC = sized(3, 120)
BREAKER_SEC = sized(1, 30)
ANSWER_SEC = 2
TEN_KINDS = (
    *("500", "502 with a page", "redirected", "reset before the answer", "reset in the answer"),
    *("shorter than its length", "cut gzip", "gzip of a wrong sum", "a page", "no answer"),
)
# Ten of them, one after the other, strike 15 in 100.
SHARE = 0.016
DOWN: dict[str, Fault] = {"down with 503": status(503), "down with resets": {"kind": "rst_before"}}


@dataclass(frozen=True, slots=True)
class Load:
    """A load as it ended; the vendor was down between two moments of its clock, or never."""

    vendor: Sandbox
    url: str
    code: int | None
    log: list[dict[str, Any]]
    down: tuple[float, float] | None

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The requests for histories."""
        return [entry for entry in self.log if entry["endpoint"] == "eod"]

    @property
    def seconds(self) -> float:
        """How long the load took, as its report says."""
        return float(self.figure("duration_sec"))

    @property
    def outage_sec(self) -> float:
        """How long the vendor was down."""
        return self.down[1] - self.down[0] if self.down else 0.0

    def figure(self, name: str) -> Any:  # noqa: ANN401 - JSON is any shape
        """A figure of the run's report."""
        return value(self.url, "SELECT figures->%s FROM runs", name)


@pytest.fixture(scope="module", params=["spoiled", *DOWN])
def load(
    request: pytest.FixtureRequest, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Load]:
    """One run over all assets of such a vendor."""
    with (
        cluster.fresh_database() as url,
        sandbox(symbols=ASSETS, bars_per_symbol=BARS, clean=True, minute_limit=MINUTE) as vendor,
    ):
        commands = commands_at(tmp_path_factory.mktemp("trouble"), vendor, url)
        add_assets(url, *codes(vendor))
        vendor.post("/warm")
        begun = len(vendor.log())
        if request.param == "spoiled":
            for name in TEN_KINDS:
                vendor.post("/faults", {**RETRIES[name], "endpoint": "eod", "share": SHARE})
        settings = {"breaker_seconds": BREAKER_SEC, "answer_seconds": ANSWER_SEC}
        arguments = ("backfill", "--no-limit", "--concurrency", "16")
        down = None
        with forked(commands, *arguments, backoff_seconds=0.5, **settings) as running:
            if request.param in DOWN:
                down = strike_in_mid_load(vendor, DOWN[request.param])
            running.join(600)
        log = vendor.log()[begun:]
        vendor.delete("/faults")
        yield Load(vendor, url, running.exitcode, log, down)


def strike_in_mid_load(vendor: Sandbox, fault: Fault) -> tuple[float, float]:
    """Take the vendor down when a third is loaded, and up again; the two moments."""
    eventually(lambda: vendor.get("/stats")["requests"] > ASSETS / 3, 60)
    vendor.post("/faults", fault)
    begun = time.monotonic()
    time.sleep(OUTAGE_SEC)  # what is measured
    vendor.delete("/faults")
    return begun, time.monotonic()


@pytest.mark.sized(ASSETS, "assets")
def test_a_load_takes_the_time_of_its_requests_and_of_the_outage(load: Load) -> None:
    needed = len(load.sent) / (MINUTE / 60) + load.outage_sec + ANSWER_SEC
    assert load.seconds <= 1.3 * needed


@pytest.mark.sized(ASSETS, "assets")
def test_at_most_a_quarter_more_is_sent_than_there_are_assets(load: Load) -> None:
    assert len(load.sent) <= 1.25 * ASSETS


@pytest.mark.sized(ASSETS, "assets")
def test_one_run_leaves_one_asset_in_a_hundred_due_at_most(load: Load) -> None:
    due = int(value(load.url, "SELECT count(*) FROM assets WHERE last_synced IS NULL"))
    assert due <= 0.01 * ASSETS
    assert load.code == (3 if due else 0)


@pytest.mark.sized(ASSETS, "assets")
def test_one_wire_request_is_one_paid_attempt(load: Load) -> None:
    assert load.figure("requests") == len(load.log)


@pytest.mark.sized(ASSETS, "assets")
def test_no_minute_holds_more_than_the_limit(load: Load) -> None:
    moments = [entry["monotonic"] for entry in load.log]
    assert all(b - a >= 60 for a, b in zip(moments, moments[MINUTE:], strict=False))
    assert 429 not in {entry["status"] for entry in load.log}


@pytest.mark.sized(ASSETS, "assets")
def test_each_new_asset_is_asked_while_others_wait_for_their_retries(load: Load) -> None:
    """No pause of the first attempts is longer than an answer or an outage takes."""
    seen, first = set(), list[float]()
    for entry in load.sent:
        if entry["symbol"] not in seen:
            first.append(entry["monotonic"])
            seen.add(entry["symbol"])
    longest = max(later - earlier for earlier, later in pairwise(first))
    assert longest <= load.outage_sec + BREAKER_SEC + ANSWER_SEC + 1


@pytest.mark.sized(ASSETS, "assets")
def test_after_an_outage_the_load_is_at_full_speed_within_one_breaker_period(load: Load) -> None:
    if load.down is None:
        return
    since = load.down[1]
    after = [entry["monotonic"] - since for entry in load.sent if entry["monotonic"] > since]
    assert after[0] <= BREAKER_SEC + 1
    second = sum(after[0] < moment <= after[0] + 1 for moment in after)
    assert second >= 0.6 * MINUTE / 60


@pytest.mark.sized(ASSETS, "assets")
def test_what_is_stored_is_what_the_vendor_serves(load: Load) -> None:
    answered = rows(load.url, "SELECT symbol FROM assets WHERE last_synced IS NOT NULL")
    loaded = {f"{symbol}.US" for (symbol,) in answered}
    served = truth(load.vendor)
    mask = [symbol in loaded for symbol in served["symbol"].to_pylist()]
    counts = differences(load.url, served.filter(mask))
    assert (counts["lost"], counts["invented"]) == (0, 0)
