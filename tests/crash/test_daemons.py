"""Two daemons, killed at random: each run is settled once, and none is lost."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.jobs.jobs import add_job
from data_nexus.domain.planning.jobs import Action, Job
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute, rows, value
from tests.support.programs.forked_commands import set_clock
from tests.support.programs.forked_daemon import EXECUTED, forked_daemon

JOBS, MINUTES = 10, sized(20, 1000)
# In every third minute one of the two is killed.
KILLED_EVERY = 3
BEGIN = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.fresh_database() as url:
        execute(url, EXECUTED)
        for name in ("bad", *(f"job{number}" for number in range(JOBS))):
            job = Job(name=name, action=Action.UPDATE, exchange=None, schedule="cron * * * * *")
            add_job(PostgresConnection(url), job)
        execute(url, "UPDATE jobs SET since = '2026-11-01 05:00+00'")
        yield url


def is_settled(url: str, due_at: datetime, least: int) -> bool:
    """Whether so many of the runs that are due at a moment are done."""
    settled = "SELECT count(*) FROM job_runs WHERE due_at = %s AND outcome = 'done'"
    return bool(value(url, settled, due_at) >= least)


@pytest.mark.sized(JOBS * MINUTES, "runs")
def test_two_daemons_that_are_killed_settle_each_run_once(url: str, tmp_path: Path) -> None:
    """A job that fails each time hinders none of the others."""
    clock, chance = tmp_path / "clock", random.Random(7)  # noqa: S311 - a test's chance
    set_clock(clock, BEGIN)
    kills = 0
    with ExitStack() as stack:
        running = [stack.enter_context(forked_daemon(url, clock)) for _ in range(2)]
        for minute in range(1, MINUTES + 1):
            now = BEGIN + timedelta(minutes=minute)
            set_clock(clock, now)
            if minute % KILLED_EVERY == 0:
                eventually(partial(is_settled, url, now, chance.randrange(JOBS)))
                victim = chance.randrange(2)
                pid = running[victim].pid
                assert pid
                os.kill(pid, signal.SIGKILL)
                running[victim] = stack.enter_context(forked_daemon(url, clock))
                kills += 1
            eventually(partial(is_settled, url, now, JOBS), 60)
        for each in running:
            assert each.pid
            os.kill(each.pid, signal.SIGTERM)
            each.join(30)
            assert each.exitcode == 0
    done = "SELECT count(*), count(DISTINCT (job, due_at)) FROM job_runs WHERE outcome = 'done'"
    assert rows(url, done) == [(JOBS * MINUTES, JOBS * MINUTES)]
    # Twice only what a killed one had done and not settled: at most what it had under way.
    twice = "SELECT count(*) FROM (SELECT FROM executed GROUP BY job, due_at HAVING count(*) > 1) t"
    assert value(url, twice) <= kills * JOBS
    beyond = (
        "SELECT count(*) FROM (SELECT job, due_at, count(*) AS times FROM executed GROUP BY 1, 2) e"
        " LEFT JOIN job_runs r USING (job, due_at) WHERE e.times > coalesce(r.attempts, 0)"
    )
    assert value(url, beyond) == 0
    assert value(url, "SELECT count(*) FROM job_runs WHERE missed > 0 AND job <> 'bad'") == 0
    assert value(url, "SELECT count(*) FROM job_runs WHERE job = 'bad' AND outcome = 'failed'") > 0
