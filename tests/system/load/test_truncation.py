"""No proper prefix of a valid body is ever committed, raw or gzip, wherever a wire is cut."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, rows
from tests.support.programs.commands import Finished, commands_at
from tests.support.vendor.sandbox import sandbox
from tests.support.vendor.truth import codes

BODY = (
    b'[{"date":"2024-01-02","open":1.5,"high":2,"low":1,"close":1.75,"adjusted_close":1.75,'
    b'"volume":1200},{"date":"2024-01-03","open":1,"high":1,"low":1,"close":1,'
    b'"adjusted_close":1,"volume":0}]'
)
GZIP = gzip.compress(BODY, mtime=0)
# How a body is sent that ends where the vendor's connection does.
RAW: dict[str, object] = {"kind": "truncate_close"}
PACKED: dict[str, object] = {"kind": "truncate_close", "headers": {"Content-Encoding": "gzip"}}
FRAMED: dict[str, object] = {"kind": "truncate_length", "headers": {"Content-Encoding": "gzip"}}


@dataclass(frozen=True, slots=True)
class Sweep:
    """A run in which each asset got a body of its own length: symbols by form and length."""

    done: Finished
    symbols: dict[tuple[str, int], str]
    stored: dict[str, int]

    def committed(self, form: str) -> list[int]:
        """The lengths at which something was committed."""
        return [
            length
            for (sent, length), symbol in self.symbols.items()
            if sent == form and symbol in self.stored
        ]


FORMS: dict[str, tuple[dict[str, object], bytes]] = {
    "raw": (RAW, BODY),
    "gzip": (PACKED, GZIP),
    "gzip in a frame too short": (FRAMED, GZIP),
}
CUTS = [(form, length) for form, (_, body) in FORMS.items() for length in range(len(body) + 1)]


@pytest.fixture(scope="module")
def sweep(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    with (
        cluster.fresh_database() as url,
        sandbox(
            symbols=2 * len(CUTS), bars_per_symbol=1, clean=True, minute_limit=1_000_000
        ) as vendor,
    ):
        listed = codes(vendor)
        add_assets(url, *listed)
        # Every second asset is well, for a vendor that only fails is given up.
        symbols = {cut: f"{code}.US" for cut, code in zip(CUTS, listed[::2], strict=True)}
        for (form, length), symbol in symbols.items():
            fault, body = FORMS[form]
            sent = {**fault, "body_base64": b64encode(body).decode(), "bytes": length}
            vendor.post("/faults", {**sent, "symbol": symbol})
        commands = commands_at(tmp_path_factory.mktemp("sweep"), vendor, url)
        done = commands.run(
            *("backfill", "--no-limit", "--concurrency", "16", "--json"), attempts=1
        )
        stored = rows(
            url,
            "SELECT symbol || '.US', (SELECT count(*) FROM market_data WHERE asset_id = a.id)"
            " FROM assets a WHERE last_synced IS NOT NULL OR times_empty > 0",
        )
        yield Sweep(done, symbols, dict(stored))


def test_the_run_went_over_all_lengths(sweep: Sweep) -> None:
    assert sweep.done.code == 3
    assert sweep.done.answer["total_assets"] == 2 * len(CUTS)
    assert sweep.done.answer["synced"] == len(sweep.stored)
    assert sweep.done.answer["parked"] == 0, "what was cut may come whole the next time"


@pytest.mark.parametrize("form", ["raw", "gzip"])
def test_a_body_is_committed_when_all_of_it_came_and_not_before(sweep: Sweep, form: str) -> None:
    whole = len(FORMS[form][1])
    assert sweep.committed(form) == [whole]
    assert sweep.stored[sweep.symbols[form, whole]] == 2


def test_a_frame_that_is_not_filled_is_never_committed(sweep: Sweep) -> None:
    assert sweep.committed("gzip in a frame too short") == []
