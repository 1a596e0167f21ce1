"""`nexus run` and `nexus alerts`: what arrives, what is silenced, and that no secret is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.alerts.receivers import MailReceiver, WebReceiver, mail_receiver, web_receiver
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import rows
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import sandbox

HIDDEN = "path-of-this-test-0123456789"
HOSTILE = "x\r\nBcc: all@example.com\n<!channel> <script>alert(1)</script> \x1b[31m"
FAILS = (
    "INSERT INTO job_runs (job, due_at, owner, ended_at, outcome, detail)"
    " VALUES ('mine', now(), 0, now(), %s, %s)"
)


@pytest.fixture(scope="module")
def commands(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    folder = tmp_path_factory.mktemp("alerts")
    with (
        sandbox(symbols=3, clean=True, bars_per_symbol=5) as vendor,
        cluster.fresh_database() as url,
    ):
        yield commands_at(folder, vendor, url)


@pytest.fixture
def web() -> Iterator[WebReceiver]:
    with web_receiver() as receiver:
        yield receiver


@pytest.fixture
def mail() -> Iterator[MailReceiver]:
    with mail_receiver() as receiver:
        yield receiver


def test_a_failing_job_is_announced_everywhere_and_shows_no_secret(
    commands: Commands, web: WebReceiver, mail: MailReceiver, tmp_path: Path
) -> None:
    file = tmp_path / "slack"
    file.write_text(web.url(f"/slack/{HIDDEN}"), encoding="utf-8")
    file.chmod(0o600)
    given = {
        "alert_webhook": web.url(f"/hook/{HIDDEN}"),
        "alert_slack": file,
        "alive_url": web.url(f"/alive/{HIDDEN}"),
        "alert_email": "me@example.com",
        "alert_smtp": f"127.0.0.1:{mail.port}",
        "alert_patience": "job-failed 0",
        "log_level": "debug",
    }
    url = commands.environment["DATABASE_URL"]
    tested = commands.run("alerts", "test", "--json", **given)
    assert tested.answer == {"channels": dict.fromkeys(("webhook", "slack", "email"), "sent")}
    web.posts.clear()
    mail.raw.clear()
    schedule = ("--schedule", "cron 0 0 29 2 *", "--action", "verify")
    assert commands.run("jobs", "add", "mine", *schedule).code == 0
    rows(url, FAILS, "failed", HOSTILE)
    said = [commands.run("run", "--once", **given) for _ in range(2)]
    hooked, slacked = sorted(web.posts, key=lambda post: "text" in post)
    assert (hooked["condition"], hooked["subject"]) == ("job-failed", "mine")
    assert hooked["detail"].startswith("x Bcc: all@example.com <!channel>")
    assert "<!" not in slacked["text"]
    (sent,) = mail.mails()
    assert (sent["Bcc"], sent.get_content_type()) == (None, "text/plain")
    assert web.paths.count(f"/alive/{HIDDEN}") == 2
    (listed,) = commands.run("alerts", "list", "--json").answer["alerts"]
    assert (listed["sent"], listed["unsent"], listed["recovered_at"]) == (3, 0, None)
    rows(url, FAILS, "done", "")
    said.append(commands.run("run", "--once", **given))
    assert [post["state"] for post in web.posts if "state" in post] == ["raised", "recovered"]
    web.status = 500
    said += [commands.run("alerts", "test", **given), commands.run("config", **given)]
    said.append(commands.run("config", "--json", **given))
    assert "webhook: not sent: it answered 500" in said[3].stdout
    assert said[3].code == 3
    assert [each for each in said if HIDDEN in each.stdout + each.stderr] == []


def test_a_silence_puts_a_message_off(commands: Commands, web: WebReceiver) -> None:
    given = {"alert_webhook": web.url(), "alert_patience": "job-failed 0"}
    url = commands.environment["DATABASE_URL"]
    silenced = commands.run("alerts", "silence", "job-failed", "mine", "--for", "2h")
    assert (silenced.code, silenced.stdout.startswith("Silenced until ")) == (0, True)
    rows(url, FAILS, "failed", "x")
    commands.run("run", "--once", **given)
    assert web.posts == []
    assert "silenced" in commands.run("alerts", "list").stdout
    assert commands.run("alerts", "unsilence", "job-failed", "--json").answer == {"ended": 1}
    commands.run("run", "--once", **given)
    assert [post["state"] for post in web.posts] == ["raised"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"alert_webhook": f"http://example.com/{HIDDEN}"},
            "NEXUS_ALERT_WEBHOOK: it must be https",
        ),
        ({"alert_slack": f"https://me:{HIDDEN}@example.com/"}, "without a user"),
        ({"alert_patience": "up 5m"}, "no condition 'up'"),
        ({"alert_fresh_by": "noon"}, "not an hour"),
        ({"alert_webhook": "/nowhere/hook"}, "No such file"),
        ({"alert_email": "a@example.com", "alert_smtp": "mail"}, "not host:port"),
        ({}, ""),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    commands: Commands, given: dict[str, str], says: str
) -> None:
    done = commands.run("run", "--once", **given)
    assert (done.code == 2, says in done.stderr) == (bool(given), True), done.stderr
    assert HIDDEN not in done.stderr
