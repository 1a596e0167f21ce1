"""Each alert comes once and recovers once, whatever is killed and however many daemons watch."""

from __future__ import annotations

import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support.alerts.forked_watch import forked_watch
from tests.support.alerts.receivers import WebReceiver, mail_receiver, web_receiver
from tests.support.alerts.troubles import CONDITIONS, OF_VENDOR, Troubles, no_troubles
from tests.support.campaign import sized
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, value

EPISODES = sized(2, 250)
AT_ONCE = "down 0, late 0, job-failed 0"


@pytest.fixture
def troubles(cluster: Cluster, tmp_path: Path) -> Iterator[Troubles]:
    with cluster.fresh_database() as url:
        host = f"{socket.gethostname()}:{tmp_path}"
        yield no_troubles(url, tmp_path / "free", host)


@pytest.fixture
def receiver() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


def has_come(receiver: WebReceiver, expected: Counter[tuple[str, str, str]]) -> bool:
    """Whether all that is expected has come."""
    return not expected - receiver.states()


def given(receiver: WebReceiver, troubles: Troubles) -> dict[str, str]:
    """The settings of a watch."""
    return {
        "alert_webhook": receiver.url(),
        "alert_patience": AT_ONCE,
        "nexus_home": str(troubles.free.parent),
    }


@pytest.mark.sized(EPISODES, "nights of troubles")
def test_each_trouble_is_one_alert_and_one_recovery(
    troubles: Troubles, receiver: WebReceiver
) -> None:
    """Two daemons watch, of which one after another is killed: nothing lost, invented or twice."""
    chance = random.Random(51)  # noqa: S311 - a test's chance
    settings, expected = given(receiver, troubles), Counter[tuple[str, str, str]]()
    kills = 0
    with ExitStack() as stack:

        def started() -> int:
            pid = stack.enter_context(forked_watch(troubles.url, troubles.free, **settings)).pid
            assert pid
            return pid

        running = [started(), started()]
        for number in range(EPISODES):
            least = len(CONDITIONS) if number == 0 else 1
            chosen = chance.sample(CONDITIONS, chance.randint(least, len(CONDITIONS)))
            # A job that ends well shows that the vendor answers: its troubles come last.
            chosen.sort(key=OF_VENDOR.__contains__)
            subjects = {each: troubles.make(each, number) for each in chosen}
            for state, act in (("raised", None), ("recovered", troubles.mend)):
                for each in chosen if act else ():
                    troubles.mend(each)
                victim = chance.randrange(2)
                os.kill(running[victim], signal.SIGKILL)
                kills += 1
                running[victim] = started()
                expected.update((each, subject, state) for each, subject in subjects.items())
                eventually(partial(has_come, receiver, expected.copy()), 60)
    assert receiver.states() == expected
    # A repeat is what a killed one had sent and not marked; a receiver knows it by its key.
    assert len(receiver.posts) - len({post["key"] for post in receiver.posts}) <= kills
    assert receiver.keys == [post["key"] for post in receiver.posts]


def test_a_message_that_was_sent_and_not_marked_comes_again_under_its_key(
    troubles: Troubles, receiver: WebReceiver
) -> None:
    receiver.hold.clear()
    settings = given(receiver, troubles)
    with forked_watch(troubles.url, troubles.free, **settings) as killed:
        troubles.make("job-failed", 0)
        assert receiver.arrived.wait(30)
        killed.kill()
        killed.join()
    receiver.hold.set()
    with forked_watch(troubles.url, troubles.free, **settings):
        sent = "SELECT count(*) FROM alert_messages WHERE sent_at IS NOT NULL"
        eventually(lambda: value(troubles.url, sent) == 1)
    assert len(receiver.posts) == 2
    assert receiver.states() == {("job-failed", "d", "raised"): 1}
    assert value(troubles.url, "SELECT attempts FROM alert_messages") == 2


def test_a_channel_that_is_down_hinders_no_other_and_has_all_when_it_is_back(
    troubles: Troubles, receiver: WebReceiver
) -> None:
    receiver.status = 302
    with mail_receiver() as mail:
        settings = given(receiver, troubles) | {
            "alert_email": "a@example.com",
            "alert_smtp": f"127.0.0.1:{mail.port}",
        }
        with forked_watch(troubles.url, troubles.free, **settings):
            troubles.make("late", 0)
            eventually(lambda: len(mail.raw) == 1)
            troubles.mend("late")
            eventually(lambda: len(mail.raw) == 2)
            why = "SELECT max(trouble) FROM alert_messages WHERE channel = 'webhook'"
            eventually(lambda: "redirect (302)" in (value(troubles.url, why) or ""))
            assert receiver.posts == []
            assert set(receiver.paths) == {"/hook/s3cr3t-path-0123456789"}
            receiver.status = 200
            eventually(lambda: len(receiver.posts) == 2)
    assert [post["state"] for post in receiver.posts] == ["raised", "recovered"]
    assert [each["Subject"] for each in mail.mails()] == [
        "Data Nexus: alert: e: the vendor is late",
        "Data Nexus: recovered: e: the vendor is late",
    ]
    assert "a detail" in mail.mails()[0].get_content()
