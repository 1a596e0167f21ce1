"""`pg_terminate_backend` at every statement that a command sends: the tables end as if undisturbed.

A proxy between the command and its server counts the statements of all its sessions. Run after run
the session of the next one is ended: before the statement is done, or after it is done and before
its answer, until a run ends without being hit. `NEXUS_EVERY_STATEMENT=1` takes every statement in
both ways; otherwise every few, the ways by turns.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count, repeat, takewhile

import pytest

from tests.crash.conftest import Field
from tests.support.commands import Commands, commands_at
from tests.support.database import Cluster
from tests.support.final_tables import FinalTables, assert_final, final_tables
from tests.support.forked_commands import forked
from tests.support.sandbox import sandbox
from tests.support.statement_proxy import Cut, proxy_that_cuts
from tests.support.tables import add_assets, eventually, execute, value
from tests.support.truth import codes, differences, truth

# The last asset is refused by its vendor and parked.
SYMBOLS, BARS = 5, 20
PARKED = -1
# Runs that go on side by side, each with a vendor and a database of its own: a worker whose session
# was cut mostly waits.
LANES = 6
TAKES_EVERY_ONE = os.environ.get("NEXUS_EVERY_STATEMENT") == "1"
STRIDE = 1 if TAKES_EVERY_ONE else 5

Arm = Callable[[Field], None]
Run = Callable[[Field, Commands], None]


@pytest.fixture(scope="module")
def fields(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Field]]:
    """Equal fields, whose vendors refuse one asset, and send a bar of the future for each other."""
    with ExitStack() as stack:
        found = []
        for _ in range(LANES):
            serving = sandbox(
                symbols=SYMBOLS, bars_per_symbol=BARS, clean=True, minute_limit=1_000_000
            )
            vendor = stack.enter_context(serving)
            url = stack.enter_context(cluster.fresh_database())
            listed = codes(vendor)
            add_assets(url, *listed)
            commands = commands_at(tmp_path_factory.mktemp("field"), vendor, url)
            field = Field(commands, vendor, url, [f"{code}.US" for code in listed])
            refused = {"kind": "status", "status": 422, "symbol": field.symbols[PARKED]}
            vendor.post("/faults", {**refused, "endpoint": "eod"})
            vendor.post("/faults", {"kind": "future", "count": 1, "endpoint": "eod"})
            found.append(field)
        yield found


def for_a_first_load(field: Field) -> None:
    field.arm(empty=True)


def for_a_re_read(field: Field) -> None:
    """All bars are there, but for one of each asset, and one that the vendor has restated."""
    field.arm(empty=False)
    execute(
        field.url,
        "DELETE FROM market_data WHERE date = (SELECT min(date) FROM market_data)",
        "UPDATE market_data SET close = close + 1"
        " WHERE asset_id = 2 AND date = (SELECT max(date) FROM market_data)",
    )


def load_undisturbed(field: Field, arm: Arm) -> FinalTables:
    """What a load leaves that nobody disturbs."""
    for each in (for_a_first_load, arm):
        each(field)
        assert field.backfill() == 3
    found = differences(field.url, truth(field.vendor))
    assert found == {"lost": BARS, "invented": 0, "served": SYMBOLS * BARS}
    return final_tables(field.url)


def is_whole(field: Field) -> bool:
    """Whether each asset has been answered, or has its dead letter."""
    answered = len(field.finished())
    return bool(answered + value(field.url, "SELECT count(*) FROM dead_letters") == SYMBOLS)


def run_backfill(field: Field, behind_the_proxy: Commands) -> None:
    """Run a backfill to its end, and another if the cut has ended it."""
    # One request at a time: the statements then come in the same order in each run, none is missed.
    arguments = ("backfill", "--no-limit", "--concurrency", "1")
    with forked(behind_the_proxy, *arguments) as running:
        running.join(60)
    assert running.exitcode in (3, 7)
    if running.exitcode == 3:
        assert is_whole(field), "it says that all is done"
    eventually(lambda: is_whole(field) or (field.backfill() in (0, 3) and is_whole(field)))


def run_worker(field: Field, behind_the_proxy: Commands) -> None:
    """Run a worker until all is loaded, and drain it; nobody starts it again."""
    settings = {"lease_seconds": 2, "poll_seconds": 0.2}
    with forked(behind_the_proxy, "worker", **settings) as running:
        eventually(lambda: is_whole(field) or not running.is_alive())
        assert running.is_alive(), f"it ended with {running.exitcode}"
        assert running.pid
        os.kill(running.pid, signal.SIGTERM)
        running.join(60)
    assert running.exitcode == 75


def has_cut(field: Field, arm: Arm, run: Run, at: int, cut: Cut, undisturbed: FinalTables) -> bool:
    """Cut a run at a statement and judge what it leaves; tell whether it came to the statement."""
    arm(field)
    execute(field.url, "TRUNCATE quota_ledger, workers")
    field.vendor.post("/limits", {"used": 0})
    begun = field.requests()
    with proxy_that_cuts(field.url, at, cut) as proxy:
        try:
            run(field, commands_at(field.commands.folder, field.vendor, proxy.url))
            assert_final(field.url, undisturbed)
            asked = Counter(field.asked(begun))
            # Once more for answers that were on their way to the database when the session ended.
            assert max(asked.values()) <= 2
            assert value(field.url, "SELECT spent FROM quota_ledger") >= asked.total()
        except BaseException as error:
            words = proxy.words.decode(errors="backslashreplace")
            error.add_note(f"statement {at}, its session ended {cut.value}: {words!r}")
            raise
    return proxy.has_struck


def ways(at: int) -> list[Cut]:
    """The ways in which the session of a statement is cut: both, or one of them by turns."""
    both = list(Cut)
    turn = (at // STRIDE + at // (STRIDE * LANES)) % 2
    return both if TAKES_EVERY_ONE else both[turn : turn + 1]


def sweep(field: Field, first: int, arm: Arm, run: Run, undisturbed: FinalTables) -> int:
    """Cut run after run, one lane's share of the statements; how many there were."""

    def is_cut(at: int) -> bool:
        return all(has_cut(field, arm, run, at, cut, undisturbed) for cut in ways(at))

    return sum(1 for _ in takewhile(is_cut, count(first, LANES * STRIDE)))


@pytest.mark.parametrize(
    ("arm", "run"),
    [
        (for_a_first_load, run_backfill),
        (for_a_re_read, run_backfill),
        (for_a_first_load, run_worker),
        (for_a_re_read, run_worker),
    ],
    ids=["first load", "re-read", "worker's first load", "worker's re-read"],
)
def test_a_session_ended_at_any_statement_leaves_no_trace(
    fields: list[Field], arm: Arm, run: Run
) -> None:
    undisturbed = load_undisturbed(fields[0], arm)
    for field in fields[1:]:
        assert load_undisturbed(field, arm) == undisturbed
    firsts = range(1, LANES * STRIDE, STRIDE)
    with ThreadPoolExecutor(LANES) as lanes:
        wish = (repeat(each) for each in (arm, run, undisturbed))
        swept = lanes.map(sweep, fields, firsts, *wish)
        assert sum(swept) * STRIDE > 40, "a run has more statements than that"
