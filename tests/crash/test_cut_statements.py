"""`pg_terminate_backend` at every statement that a command sends: the tables end as if undisturbed.

A proxy between the command and its server counts the statements of all its sessions. Run after run
the session of the next one is ended: before the statement is done, or after it is done and before
its answer. In every run of the tests these are the first and the last of each kind of statements
that write; in the campaign all, one after the other, until a run ends without being hit.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import count, repeat, takewhile

import pytest

from tests.crash.conftest import Field
from tests.support.campaign import is_campaign, sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.final_tables import FinalTables, assert_final, final_tables
from tests.support.postgres.statement_proxy import (
    Cut,
    Place,
    firsts_and_lasts,
    is_commit,
    proxy_that_cuts,
    stands_alone,
)
from tests.support.postgres.tables import add_assets, eventually, execute, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.forked_commands import forked
from tests.support.vendor.nights import without_actions
from tests.support.vendor.sandbox import sandbox
from tests.support.vendor.truth import codes, differences, truth

# The last asset is refused by its vendor and parked.
SYMBOLS, BARS = 5, 20
PARKED = -1
# Runs that go on side by side, each with a vendor and a database of its own: a worker whose session
# was cut mostly waits.
LANES = 6 if is_campaign() else 3
# Of the statements that write, one of so many is cut in every run.
STRIDE = sized(3, 1)
# A worker's time for what it does once all is loaded.
_AFTERWARDS_SEC = 3

Arm = Callable[[Field], None]
Run = Callable[[Field, Commands, Callable[[], bool]], None]


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
            # A backfill reads none, and a worker's end is compared with that of a backfill.
            without_actions(vendor, url)
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


def for_both(field: Field) -> None:
    """A first load of some assets, and a re-read of the others, one of which was restated."""
    for_a_re_read(field)
    execute(
        field.url,
        "DELETE FROM market_data WHERE asset_id IN (1, 3)",
        "UPDATE assets SET last_synced = NULL, synced_through = NULL, last_bar = NULL"
        " WHERE id IN (1, 3)",
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


def run_backfill(field: Field, behind_the_proxy: Commands, _: Callable[[], bool]) -> None:
    """Run a backfill to its end, and another if the cut has ended it."""
    # One request at a time: the statements then come in the same order in each run, none is missed.
    arguments = ("backfill", "--no-limit", "--concurrency", "1")
    with forked(behind_the_proxy, *arguments) as running:
        running.join(60)
    assert running.exitcode in (3, 7)
    if running.exitcode == 3:
        assert is_whole(field), "it says that all is done"
    eventually(lambda: is_whole(field) or (field.backfill() in (0, 3) and is_whole(field)))


def run_worker(field: Field, behind_the_proxy: Commands, is_cut: Callable[[], bool]) -> None:
    """Run a worker until all is loaded, and drain it; it is not started again.

    It does more after that, and may be cut then, or as it ends.
    """
    settings = {"lease_seconds": 2, "poll_seconds": 0.2, "audit_share": 0}
    with forked(behind_the_proxy, "worker", **settings) as running:
        eventually(lambda: is_whole(field) or not running.is_alive())
        with suppress(AssertionError):
            eventually(is_cut, _AFTERWARDS_SEC)
        assert running.is_alive(), f"it ended with {running.exitcode}"
        assert running.pid
        os.kill(running.pid, signal.SIGTERM)
        running.join(60)
    assert running.exitcode == 75


def begin(field: Field, arm: Arm) -> None:
    """Arm the assets, before a vendor and a ledger that have counted nothing yet."""
    arm(field)
    execute(field.url, "TRUNCATE quota_ledger, workers")
    field.vendor.post("/limits", {"used": 0})


def kinds_of(field: Field, arm: Arm, run: Run) -> list[str]:
    """The kinds of the statements that an undisturbed run sends, in their order."""
    begin(field, arm)
    with proxy_that_cuts(field.url) as proxy:
        run(field, commands_at(field.commands.folder, field.vendor, proxy.url), lambda: True)
    return proxy.kinds


def has_cut(
    field: Field,
    arm: Arm,
    run: Run,
    place: Place,
    undisturbed: FinalTables,
    *,
    is_certain: bool = False,
) -> bool:
    """Cut a run at a statement and judge what it leaves; tell whether it came to the statement.

    If that `is_certain`, it has time for what it does once all is loaded.
    """
    begin(field, arm)
    begun = field.requests()
    with proxy_that_cuts(field.url, place) as proxy:
        try:
            commands = commands_at(field.commands.folder, field.vendor, proxy.url)
            run(field, commands, lambda: proxy.has_struck or not is_certain)
            assert_final(field.url, undisturbed)
            asked = Counter(field.asked(begun))
            # Once more for answers that were on their way to the database when the session ended.
            assert max(asked.values()) <= 2
            assert value(field.url, "SELECT spent FROM quota_ledger") >= asked.total()
        except BaseException as error:
            words = proxy.words.decode(errors="backslashreplace")
            error.add_note(f"at {place}: {words!r}")
            raise
    return proxy.has_struck


def cut_all(
    field: Field, places: Sequence[Place], arm: Arm, run: Run, undisturbed: FinalTables
) -> None:
    """Cut run after run, one lane's share of the places."""
    for place in places:
        has_struck = has_cut(field, arm, run, place, undisturbed, is_certain=True)
        assert has_struck, f"it did not come to {place}"


def sweep(field: Field, first: int, arm: Arm, run: Run, undisturbed: FinalTables) -> int:
    """Cut run after run at one lane's share of all statements, in both ways; how many there are."""

    def is_cut(at: int) -> bool:
        return all(has_cut(field, arm, run, Place(at, cut), undisturbed) for cut in Cut)

    return sum(1 for _ in takewhile(is_cut, count(first, LANES)))


def undisturbed_in_all(fields: list[Field], arm: Arm) -> FinalTables:
    """What an undisturbed load leaves, the same in each field."""
    undisturbed = load_undisturbed(fields[0], arm)
    for field in fields[1:]:
        assert load_undisturbed(field, arm) == undisturbed
    return undisturbed


def places_of(run: Run, kinds: Sequence[str]) -> list[Place]:
    """Where a session ends in every run of the tests: COMMITs in both ways.

    What stands alone is cut in one way in the backfill and in the other in the worker. Inside a
    transaction they come to the same, and both commands to the same transactions.
    """
    found = firsts_and_lasts(kinds)
    if run is run_backfill:
        others = [Place(at, Cut.AFTER, kind) for kind, at in found if not is_commit(kind)]
    else:
        # How often it looks for more is chance: there is no last time.
        found = [(kind, at) for kind, at in found if at == 1]
        others = [Place(at, Cut.BEFORE, kind) for kind, at in found if stands_alone(kind)]
    commits = [Place(at, cut, kind) for kind, at in found if is_commit(kind) for cut in Cut]
    assert len(others) + len(commits) > 12, "a run has more statements that write than that"
    return others[::STRIDE] + commits


@pytest.mark.sized(1 / STRIDE, "of all kinds")
@pytest.mark.parametrize("run", [run_backfill, run_worker], ids=["backfill", "worker"])
def test_a_session_ended_at_statements_that_write_leaves_no_trace(
    fields: list[Field], run: Run
) -> None:
    undisturbed = undisturbed_in_all(fields, for_both)
    places = places_of(run, kinds_of(fields[0], for_both, run))
    with ThreadPoolExecutor(LANES) as lanes:
        shares = [places[lane::LANES] for lane in range(LANES)]
        wish = (repeat(each) for each in (for_both, run, undisturbed))
        for _ in lanes.map(cut_all, fields, shares, *wish):
            pass


@pytest.mark.campaign
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
    fields: list[Field], arm: Arm, run: Run, record_property: Callable[[str, object], None]
) -> None:
    undisturbed = undisturbed_in_all(fields, arm)
    with ThreadPoolExecutor(LANES) as lanes:
        wish = (repeat(each) for each in (arm, run, undisturbed))
        swept = sum(lanes.map(sweep, fields, range(1, LANES + 1), *wish))
    record_property("size", f"{swept} statements, each in both ways")
    assert swept > 40, "a run has more statements than that"
