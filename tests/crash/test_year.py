"""A year of nights on which things go wrong: the database is right, or a person has been told.

Daemons keep it fresh by a clock that runs ahead. In the evenings they or their server are struck,
and on most nights the vendor, the key, an asset or the disk gives trouble for a while. What is
heard, and when, is worked out beforehand.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from statistics import mean

import pytest

from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.reader.invariants import broken_invariants
from data_nexus.database.upgrade import upgrade
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from tests.support.alerts.bad_nights import (
    BadNight,
    Blow,
    Open,
    Step,
    Trouble,
    bad_nights,
    moment,
)
from tests.support.alerts.receivers import WebReceiver, web_receiver
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.embedded import stop_at_once
from tests.support.postgres.tables import Row, eventually, rows, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.forked_commands import set_clock
from tests.support.programs.forked_daemon import forked_operation, looks_file
from tests.support.programs.processes import memory_kb, open_files
from tests.support.vendor.nights import load_all
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.support.vendor.truth import differences, truth

NIGHTS = int(os.environ.get("NEXUS_YEAR_NIGHTS", sized(5, 250)))
# The first nights have each trouble once.
SEED = int(os.environ.get("NEXUS_YEAR_SEED", "2810"))
SYMBOLS = 60
# All of it lies before today: no bar is in the future by the database's clock.
EVE = date(2025, 3, 3)
SESSIONS = [
    day_date(day) for day in sessions_of("US", EVE).between(EVE, EVE + timedelta(600)).tolist()
][: NIGHTS + 1]
POLL_SEC = 0.2
SETTINGS = {
    "poll_seconds": POLL_SEC,
    "audit_share": 0,
    "look_back": 0,
    "breaker_seconds": 0.01,
    # A single asset is too few for *not fresh*, in so small a market too.
    "alert_behind_share": 0.02,
}
OUTAGES = ({"kind": "rst_before"}, *({"kind": "status", "status": n} for n in (500, 503)))
# Whose sessions are out in the evening.
TRADED = (
    "SELECT symbol || '.US' FROM assets WHERE asset_type = 'Common Stock'"
    " AND venue IN ('NYSE', 'NASDAQ') ORDER BY 1"
)
# Most growth from the second to the last quarter, of what a process holds.
GROWTH = 1.1


@dataclass(slots=True)
class World:
    """A vendor, a server, a receiver of alerts, and the daemons in between."""

    vendor: Sandbox
    commands: Commands
    home: Path
    url: str
    receiver: WebReceiver
    servers: ExitStack
    stack: ExitStack
    daemons: list[ForkServerProcess] = field(default_factory=list)
    expected: Counter[tuple[str, str]] = field(default_factory=Counter)
    now: datetime = field(default_factory=partial(moment, EVE, Step.NOON))
    lived: list[BadNight] = field(default_factory=list)
    held: list[tuple[int, int]] = field(default_factory=list)

    @property
    def clock(self) -> Path:
        """The file that has the time."""
        return self.commands.folder / "clock"

    @property
    def free(self) -> Path:
        """The file that has the share of the disk that is free."""
        return self.commands.folder / "free"

    def start(self) -> ForkServerProcess:
        """Start one more daemon."""
        settings = {**SETTINGS, "alert_webhook": self.receiver.url()}
        return self.stack.enter_context(
            forked_operation(self.commands, self.clock, self.free, **settings)
        )

    def wait_until(self, now: datetime) -> None:
        """Let it be `now`, for the vendor and the daemons."""
        self.now = now
        self.vendor.post("/clock", {"now": now.isoformat()})
        set_clock(self.clock, now)

    def begin(self, night: BadNight) -> None:
        """Let the trouble of a night begin; unless it is late, its session is out."""
        if night.trouble is not Trouble.LATE:
            self.publish(night.session)
        if night.trouble is Trouble.OUTAGE:
            self.vendor.post("/faults", OUTAGES[int(night.chance * len(OUTAGES))])
        elif night.trouble is Trouble.REFUSED:
            self.vendor.post(
                "/faults", {"kind": "status", "status": 401, "body": "Unauthenticated"}
            )
        elif night.trouble is Trouble.LETTER:
            listed = rows(self.url, TRADED)
            (symbol,) = listed[int(night.chance * len(listed))]
            self.vendor.post("/faults", {"kind": "status", "status": 422, "symbol": symbol})
        elif night.trouble is Trouble.DISK:
            set_share(self.free, 0.01)

    def mend(self, night: BadNight) -> None:
        """End the trouble of a night."""
        self.vendor.delete("/faults")
        set_share(self.free, 0.5)
        if night.trouble is Trouble.LATE:
            self.publish(night.session)
        if night.trouble is Trouble.LETTER:
            assert self.commands.run("dead-letters", "retry", "--all").code == 0

    def publish(self, session: date) -> None:
        """Let a session be out."""
        self.vendor.post("/publish", {"exchange": "US", "date": str(session)})

    def strike(self, night: BadNight) -> None:
        """Let the blow of a night fall, a moment after its evening has begun."""
        time.sleep(night.chance * 2 * POLL_SEC)
        if night.blow is Blow.SERVER:
            stop_at_once(self.home)
            time.sleep(night.chance)
            self.servers.pop_all().close()
            assert self.servers.enter_context(embedded_server(self.home)) == self.url
            # A run that was cut off by it may be tried again first.
            self.wait_until(self.now + timedelta(minutes=2))
        if night.blow in (Blow.FIRST, Blow.BOTH):
            self.end(0, signal.SIGKILL)
        if night.blow in (Blow.SECOND, Blow.BOTH):
            self.end(1, signal.SIGKILL)
        if night.blow is Blow.ALONE:
            self.end(1, signal.SIGTERM)
        else:
            self.fill_up()

    def end(self, number: int, how: signal.Signals) -> None:
        """End one of the daemons."""
        pid = self.daemons[number].pid
        assert pid
        os.kill(pid, how)
        self.daemons[number].join(30)
        assert self.daemons[number].exitcode == (0 if how is signal.SIGTERM else -how)

    def fill_up(self) -> None:
        """Start again what has ended."""
        for number, daemon in enumerate(self.daemons):
            if not daemon.is_alive():
                self.daemons[number] = self.start()

    def live_through(self, night: BadNight) -> None:
        """Let a night pass, and see at each step that the alerts are those that must be open."""
        self.begin(night)
        self.wait_until(moment(night.session, Step.EVENING))
        self.strike(night)
        for step in Step:
            if step > Step.EVENING:
                self.wait_until(moment(night.session, step))
            self.rest(night, step)
            if step is Step.MORNING:
                self.see_the_morning(night)
            if step is night.last:
                self.mend(night)
        self.lived.append(night)
        for condition in night.heard():
            self.expected.update(((condition, "raised"), (condition, "recovered")))
        eventually(lambda: self.all_sent() and self.heard() >= self.expected)
        assert self.heard() == self.expected, night

    def rest(self, night: BadNight, step: Step) -> None:
        """Wait until all that a step brings is done, and the alerts are those that must be open."""
        try:
            eventually(partial(self.is_idle, night, step))
            eventually(partial(self.has_open, night, step))
        except AssertionError:
            pytest.fail(f"{night} at {step.name}: {self.state()}")

    def state(self) -> list[Row]:
        """The open alerts and the last runs of jobs, for who looks for what went wrong."""
        return [
            *rows(self.url, "SELECT * FROM alerts WHERE recovered_at IS NULL"),
            *rows(self.url, "SELECT * FROM job_runs ORDER BY due_at DESC LIMIT 3"),
            *((daemon.pid, daemon.exitcode) for daemon in self.daemons),
        ]

    def is_idle(self, night: BadNight, step: Step) -> bool:
        """Whether no job is at work, and all that is due, or to be tried again, was taken."""
        job, day = "update-US", night.session
        if step >= Step.FUNDS:
            job, day = "update-US-fund", night.session + timedelta(1)
        return bool(
            value(
                self.url,
                "SELECT NOT EXISTS (SELECT FROM job_runs WHERE ended_at IS NULL OR retry_at <= %s)"
                " AND EXISTS (SELECT FROM job_runs"
                " WHERE job = %s AND (due_at AT TIME ZONE 'UTC')::date = %s)",
                self.now,
                job,
                day,
            )
        )

    def has_open(self, night: BadNight, step: Step) -> bool:
        """Whether the open alerts are those that must be, and their messages were sent."""
        found = rows(
            self.url,
            "SELECT condition, raised_at IS NOT NULL FROM alerts WHERE recovered_at IS NULL",
        )
        is_so = Counter((name, Open(is_raised)) for name, is_raised in found)
        return is_so == Counter(night.open_at(step)) and self.all_sent()

    def looks(self) -> int:
        """How often the daemons have looked at what alerts are about."""
        return len(looks_file(self.free).read_bytes())

    def all_sent(self) -> bool:
        """Whether no message waits."""
        return not value(self.url, "SELECT count(*) FROM alert_messages WHERE sent_at IS NULL")

    def see_the_morning(self, night: BadNight) -> None:
        """What is stored is the vendor's truth, or an alert that says otherwise is not over."""
        seen = self.looks()
        # One may be under way with what was so before; what the next one decides is written before
        # the one after it.
        eventually(lambda: self.looks() >= seen + 3)
        counts = differences(self.url, truth(self.vendor))
        is_true = not (counts["lost"] or counts["invented"])
        heard = self.heard()
        raised = {name for name, _ in heard if heard[name, "raised"] > heard[name, "recovered"]}
        assert is_true or raised - {"disk"}, (night, counts)
        assert night.is_stale() == bool(raised - {"disk"}), (night, heard)
        assert is_true or night.is_stale(), (night, counts)
        pid = self.daemons[0].pid
        assert pid
        self.held.append((memory_kb(pid), open_files(pid)))

    def heard(self) -> Counter[tuple[str, str]]:
        """How often each condition was told of, repeats of a key once."""
        found: Counter[tuple[str, str]] = Counter()
        for (condition, _, state), times in self.receiver.states().items():
            found[condition, state] += times
        return found


def set_share(file: Path, share: float) -> None:
    """Say how much of the disk is free."""
    written = file.with_suffix(".new")
    written.write_text(str(share), encoding="utf-8")
    written.replace(file)


@contextmanager
def world_at(folder: Path) -> Iterator[World]:
    """A database that holds all that the vendor has, and two daemons that keep it so."""
    home = folder / "home"
    options = {"symbols": SYMBOLS, "bars_per_symbol": 20, "clean": True}
    limits = {"minute_limit": 10_000_000, "daily_limit": 10_000_000}
    with (
        sandbox(now=f"{EVE}T23:00:00", **options, **limits) as vendor,  # type: ignore[arg-type]
        web_receiver() as receiver,
        ExitStack() as servers,
        ExitStack() as stack,
    ):
        url = servers.enter_context(embedded_server(home))
        Cluster(url).hurry()
        upgrade(url)
        vendor.post("/publish", {"exchange": "US", "date": str(EVE)})
        commands = commands_at(folder, vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        load_all(vendor, url)
        world = World(vendor, commands, home, url, receiver, servers, stack)
        set_share(world.free, 0.5)
        world.wait_until(world.now)
        world.daemons += [world.start(), world.start()]
        settled = "SELECT count(*) FROM job_runs WHERE outcome = 'done'"
        eventually(lambda: value(url, settled) == 2)
        yield world
    remove(home)


def grown(held: Sequence[int]) -> float:
    """How much more is held in the last quarter than in the second."""
    quarter = len(held) // 4
    return mean(held[-quarter:]) / mean(held[quarter : 2 * quarter])


@pytest.mark.sized(NIGHTS, "nights")
def test_each_morning_the_database_is_true_or_a_person_was_told(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Each trouble that outlasts patience is one alert and one recovery; nothing else is one."""
    with world_at(tmp_path) as world:
        for night in bad_nights(SESSIONS[1:], SEED):
            world.live_through(night)
            world.fill_up()
        for number in range(2):
            world.end(number, signal.SIGTERM)
        assert set(broken_invariants(PostgresConnection(world.url)).values()) == {0}
        posts = world.receiver.posts
        repeats = len(posts) - len({post["key"] for post in posts})
    # Sent and not marked: what a killed daemon, or a server that was stopped, leaves behind.
    assert repeats <= sum(night.blow is not Blow.NONE for night in world.lived)
    memory, files = zip(*world.held, strict=True)
    for what in ("trouble", "last", "blow"):
        kinds = Counter(getattr(night, what).name for night in world.lived)
        record_property(what, str(dict(kinds)))
    record_property("heard", str(dict(world.heard())))
    record_property("growth", f"memory {grown(memory):.3f}, files {grown(files):.3f}")
    assert grown(memory) <= GROWTH, memory
    assert grown(files) <= GROWTH, files
