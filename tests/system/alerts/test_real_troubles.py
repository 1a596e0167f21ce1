"""A vendor that fails and a disk that refuses, as they are: what `nexus run` says of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.alerts.receivers import WebReceiver, web_receiver
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, rows
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox

NEVER = ("--schedule", "cron 0 0 29 2 *")
HASTY = {
    "alert_patience": "down 0, job-failed 0",
    "alert_fresh_by": "off",
    "http_port": 0,
    "poll_seconds": 0.3,
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A daemon at work, the vendor that it asks, and what receives its alerts."""

    commands: Commands
    vendor: Sandbox
    receiver: WebReceiver
    url: str

    def strike(self, kind: str, **how: object) -> None:
        """Let the vendor fail from now on."""
        self.vendor.post("/faults", {"kind": kind, **how})

    def hears(self, *states: str) -> None:
        """Wait for `condition state` of each message since the last time, and expect no other."""
        eventually(lambda: len(self.receiver.posts) >= len(states))
        said = [f"{each['condition']} {each['state']}" for each in self.receiver.posts]
        assert said == list(states)
        self.receiver.posts.clear()


@pytest.fixture(scope="module")
def scene(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with (
        sandbox(symbols=6, clean=True, bars_per_symbol=5, exchange="US") as vendor,
        cluster.fresh_database() as url,
        web_receiver() as receiver,
    ):
        commands = commands_at(tmp_path_factory.mktemp("scene"), vendor, url)
        lists = ("jobs", "add", "lists", *NEVER, "--action", "discover", "--exchange", "US")
        for words in (("discover", "--exchange", "US"), ("backfill",), ("run", "--once"), lists):
            done = commands.run(*words)
            assert done.code == 0, done.stderr
        with commands.running("run", **HASTY, alert_webhook=receiver.url()):
            yield Scene(commands, vendor, receiver, url)


def test_a_key_that_is_refused_and_then_taken(scene: Scene) -> None:
    scene.strike("status", status=401, body="Unauthenticated")
    scene.commands.run("jobs", "run", "lists")
    scene.hears("credentials raised")
    scene.vendor.delete("/faults")
    assert scene.commands.run("jobs", "run", "lists").code == 0
    scene.hears("credentials recovered")


def test_an_answer_that_parks_an_asset(scene: Scene) -> None:
    scene.strike("status", status=422, symbol="AAPL.US")
    assert scene.commands.run("backfill", "--days-old", "0").code == 3
    scene.hears("dead-letters raised")
    scene.vendor.delete("/faults")
    assert scene.commands.run("dead-letters", "retry", "--all").code == 0
    scene.hears("dead-letters recovered")


def test_a_job_that_fails_until_its_cause_is_gone(scene: Scene, tmp_path: Path) -> None:
    place = tmp_path / "lake"
    place.write_text("a file where a folder is to be", encoding="utf-8")
    added = ("jobs", "add", "lake", *NEVER, "--action", "snapshot", "--to", str(place))
    assert scene.commands.run(*added).code == 0
    assert scene.commands.run("jobs", "run", "lake").code == 3
    scene.hears("job-failed raised")
    place.unlink()
    assert scene.commands.run("jobs", "run", "lake").code == 0
    scene.hears("job-failed recovered")


def test_a_vendor_that_is_down_is_noticed_before_a_run_gives_up(scene: Scene) -> None:
    """Its requests wait for minutes; the daemon sees by the breaker that they do."""
    scene.strike("rst_before")
    slow = {"breaker_seconds": 600, "lease_seconds": 1}
    with scene.commands.running("backfill", "--days-old", "0", **slow) as backfill:
        scene.hears("down raised")
        rows(scene.url, "SELECT pg_sleep(2)")
        scene.hears()
        assert backfill.child.poll() is None
    scene.vendor.delete("/faults")
    scene.hears("down recovered")
