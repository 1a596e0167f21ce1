"""House laws 1 and 2: whatever is killed and when, the tables end as if nothing had happened.

`NEXUS_KILL_SEED` repeats the moments of the kills.
"""

from __future__ import annotations

import os
import random
import time

import psycopg
import pytest

from tests.crash.conftest import BARS, SYMBOLS, Field
from tests.support.campaign import sized
from tests.support.postgres.tables import execute, rows, value
from tests.support.programs.forked_commands import forked

KILLS = sized(6, 200)
SEED = int(os.environ.get("NEXUS_KILL_SEED", "1"))
# From a run's first statement on; all of the work takes about twice as long.
LONGEST_LIFE_SEC = 0.3
RESTATED = 7


def wait_for_a_run(url: str, already: int) -> None:
    """Wait until a run has begun, which it says just before it claims."""
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute("SELECT count(*) FROM runs").fetchone() == (already,):
            assert time.monotonic() < deadline, "the run did not begin"
            time.sleep(0.001)


def kill_one(field: Field, chance: random.Random) -> bool:
    """Start a backfill and kill it at a random moment; tell whether it was killed at work."""
    already = value(field.url, "SELECT count(*) FROM runs")
    arguments = ("backfill", "--no-limit", "--concurrency", "4")
    with forked(field.commands, *arguments, batch_rows=3 * BARS) as backfill:
        wait_for_a_run(field.url, already)
        time.sleep(chance.uniform(0, LONGEST_LIFE_SEC))
        backfill.kill()
        backfill.join()
    assert backfill.exitcode in (0, -9)
    return backfill.exitcode == -9


def forget_the_second_loss(field: Field) -> None:
    """Let no asset be given up because chance struck it three times in a row.

    A worker's death costs each asset that it held one of three lives; here it is always the test
    that kills, never the asset.
    """
    execute(field.url, "UPDATE assets SET times_rescued = 1 WHERE times_rescued > 1")


def restate(field: Field, chance: random.Random) -> set[tuple[str, str, float]]:
    """Let the vendor restate some bars; what they were before."""
    before = set()
    for symbol in chance.sample(field.symbols, RESTATED):
        bars = field.vendor.get(f"/truth/{symbol}")
        row = chance.randrange(BARS)
        day, close = bars["date"][row], bars["close"][row]
        field.vendor.post("/restate", {"symbol": symbol, "date": day, "close": close + 1})
        before.add((symbol, day, close))
    return before


def revisions(url: str) -> list[tuple[str, str, float]]:
    query = (
        "SELECT symbol || '.US', date::text, close FROM market_data_revisions"
        " JOIN assets a ON a.id = asset_id"
    )
    return [(row[0], row[1], row[2]) for row in rows(url, query)]


def run_round(field: Field, chance: random.Random, kills: int, *, is_first_load: bool) -> int:
    """Kill and resume until all is done, or enough were killed; return how many were."""
    begun, killed = field.requests(), 0
    finished_at: dict[str, int] = {}
    while killed < kills and len(field.finished()) < SYMBOLS:
        forget_the_second_loss(field)
        killed += kill_one(field, chance)
        field.assert_nothing_without_its_log(is_first_load=is_first_load)
        # Whatever is committed by now must not be asked for from now on.
        at = field.requests()
        finished_at |= {symbol: at for symbol in field.finished() if symbol not in finished_at}
    forget_the_second_loss(field)
    assert field.backfill() == 0
    asked = field.asked(begun)
    again = {s for s, at in finished_at.items() if s in field.asked(at)}
    assert again == set(), "they were finished and asked for again"
    assert set(asked) == set(field.symbols)
    return killed


@pytest.mark.sized(KILLS, "kills")
def test_kills_at_random_moments_leave_no_trace(field: Field) -> None:
    chance, killed, rounds = random.Random(SEED), 0, 0  # noqa: S311 - moments, not secrets
    field.arm(empty=True)
    assert field.backfill() == 0
    while killed < KILLS:
        is_first_load = rounds % 2 == 0
        field.arm(empty=is_first_load)
        restated = set() if is_first_load else restate(field, chance)
        # Half of them at most, so that first loads and re-reads are both struck.
        killed += run_round(field, chance, KILLS // 2, is_first_load=is_first_load)
        rounds += 1
        field.assert_whole()
        assert sorted(revisions(field.url)) == sorted(restated), "each old value is kept once"
    assert rounds > 1
