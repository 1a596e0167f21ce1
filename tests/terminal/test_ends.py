"""However a command ends, the terminal is as it was found, and the prompt is on its own line."""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually, execute
from tests.support.programs.commands import Commands, commands_at
from tests.support.programs.terminals import Left, Size, Terminal, forked_on, started
from tests.support.vendor.sandbox import Sandbox

SIZE = Size(80, 24)
CTRL_C = b"\x03"
# The first signal alone would wait longer than any test for requests that are never answered.
PATIENT = {"grace_seconds": 10_000, "answer_seconds": 10_000}
HASTY = {"grace_seconds": 1, "answer_seconds": 10_000}
BEHIND = "UPDATE assets SET synced_through = '2026-11-05' WHERE last_bar IS NOT NULL"


@pytest.fixture(scope="module")
def place(
    vendor: Sandbox, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Commands]:
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("ends"), vendor, url)
        assert commands.run("discover").code == 0
        assert commands.run("backfill", "--no-limit").code == 0
        yield commands


@pytest.fixture
def hanging(vendor: Sandbox, place: Commands) -> Iterator[Commands]:
    """Commands whose histories are due, at a vendor that never sends them."""
    execute(place.environment["DATABASE_URL"], BEHIND)
    vendor.post("/faults", {"kind": "hang", "endpoint": "eod"})
    yield place
    vendor.delete("/faults")


@contextmanager
def at_work(
    commands: Commands, vendor: Sandbox, line: str, **settings: object
) -> Iterator[Terminal]:
    """A command whose requests hang, and whose display says so."""
    since = len(vendor.log())
    with started(commands, SIZE, *shlex.split(line), **settings) as running:
        eventually(
            lambda: any(entry["endpoint"] == "eod" for entry in vendor.log()[since:]), seconds=60
        )
        running.shows("assets")
        yield running


def assert_as_found(left: Left) -> None:
    assert (left.shows_cursor, left.keeps_modes, left.column) == (True, True, 0), left.page
    # What a person types after the question is as long as it is.
    page = [line for line in left.page if not line.startswith("Type that path")]
    assert [line for line in page if len(line) > SIZE.columns] == []


COMMANDS = ["backfill --days-old 0", "update"]


@pytest.mark.parametrize("line", COMMANDS)
def test_ctrl_c_drains_and_says_how_to_continue(
    hanging: Commands, vendor: Sandbox, line: str
) -> None:
    with at_work(hanging, vendor, line, **HASTY) as running:
        running.type(CTRL_C)
        left = running.end()
    assert left.code == 130
    assert_as_found(left)
    assert "stopped by SIGINT; run it again to continue" in " ".join(left.page)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_second_ctrl_c_ends_at_once_and_says_what_stays(
    hanging: Commands, vendor: Sandbox, line: str
) -> None:
    with at_work(hanging, vendor, line, **PATIENT) as running:
        running.type(CTRL_C)
        running.shows("SIGINT: finishing requests in flight")
        running.type(CTRL_C)
        left = running.end()
    assert left.code == 130
    assert_as_found(left)
    assert left.page[-2] == "ended at once by a second signal; what was committed stays"


@pytest.mark.parametrize("line", COMMANDS)
def test_sigterm_drains(hanging: Commands, vendor: Sandbox, line: str) -> None:
    with at_work(hanging, vendor, line, **HASTY) as running:
        running.child.send_signal(signal.SIGTERM)
        left = running.end()
    assert left.code == 75
    assert_as_found(left)


def test_even_a_kill_leaves_the_cursor_and_the_modes(hanging: Commands, vendor: Sandbox) -> None:
    with at_work(hanging, vendor, COMMANDS[0], **PATIENT) as running:
        os.killpg(running.child.pid, signal.SIGKILL)
        left = running.end()
    assert (left.shows_cursor, left.keeps_modes) == (True, True)


def test_the_demo_whose_child_is_killed_leaves_the_terminal_and_says_commands_that_work(
    vendor: Sandbox, tmp_path: Path
) -> None:
    home = tmp_path / "a folder with späces"
    home.mkdir()
    commands = commands_at(home, vendor)
    with started(commands, SIZE, "demo") as running:
        left = running.end()
    assert (left.code, left.shows_cursor, left.keeps_modes, left.column) == (0, True, True, 0)
    said = [line for line in left.page if re.match(r"\d  ", line)]
    assert [line[0] for line in said] == [*"123456789"]
    assert [line for line in left.page if len(line) > 80 and not line.startswith("  ")] == []
    exported = next(line for line in left.page if "export NEXUS_HOME=" in line)
    assert shlex.split(exported) == ["export", f"NEXUS_HOME={home}/nexus/demo"]
    (status,) = (line for line in left.page if line.endswith(" status"))
    assert shlex.split(status)[1:] == ["-m", "data_nexus", "status"]
    assert not [line for line in left.page if "━" in line], "the child draws no bar"


# Whoever reads the assets waits for the end of the transaction.
LOCK = "LOCK TABLE assets IN ACCESS EXCLUSIVE MODE"
WAITS = {
    "bars AAPL.US": "reading the bars",
    "changes": "reading the changes",
    "plan": "reading what is due",
    "plot AAPL.US": "reading the bars",
    "status": "reading the state",
    "export csv --symbols AAPL.US --out waited --force": "exporting",
    "export lake --to waited-lake": "writing the snapshot",
    "verify": "checking the database",
}


@pytest.mark.parametrize("line", WAITS)
def test_a_command_that_waits_says_what_for_and_takes_that_away(place: Commands, line: str) -> None:
    execute(place.environment["DATABASE_URL"], BEHIND)
    with psycopg.connect(place.environment["DATABASE_URL"]) as holder:
        holder.execute(LOCK)
        with forked_on(place, SIZE, *shlex.split(line)) as running:
            running.shows(WAITS[line])
            holder.rollback()
            left = running.end()
    # The invariants are broken on purpose: cursors were moved.
    assert left.code == (8 if line == "verify" else 0), left.page
    assert_as_found(left)
    assert not re.search(rf"{WAITS[line]}.* \(\d+ s\)", "\n".join(left.page))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("backfill", "opening the database, reading what is due (1 s)"),
        ("update", "opening the database, reading what is due (1 s)"),
        ("discover", "reading the symbol lists (1 s)"),
    ],
)
def test_a_run_says_what_it_waits_for_before_it_begins(
    place: Commands, line: str, said: str
) -> None:
    with psycopg.connect(place.environment["DATABASE_URL"]) as holder:
        holder.execute(LOCK)
        with forked_on(place, SIZE, line) as running:
            running.shows(said)
            holder.rollback()
            left = running.end()
    assert left.code == 0
    assert_as_found(left)


@pytest.fixture(scope="module")
def embedded(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """Commands on an embedded database of their own, with a watchlist as its content."""
    commands = commands_at(tmp_path_factory.mktemp("embedded"), vendor)
    assert commands.run("get", "AAPL.US").code == 0
    return commands


# The path as a person types it: a part of it, none, another one.
@pytest.mark.parametrize("typed", [b"", b"/tmp", "é".encode()])
def test_ctrl_c_at_the_question_of_a_reset_deletes_nothing(
    embedded: Commands, typed: bytes
) -> None:
    with started(embedded, SIZE, "db", "reset") as running:
        running.shows("Type that path to confirm")
        running.type(typed + CTRL_C)
        left = running.end()
    assert left.code == 130
    assert_as_found(left)
    assert left.page[-2].endswith("nothing was deleted"), left.page
    assert embedded.run("bars", "AAPL.US").stdout.startswith("AAPL.US, 300 bars")


@pytest.mark.parametrize("keys", [b"\n", b"/tmp\n", b"\x04", b"yes\n"])
def test_any_other_answer_deletes_nothing(embedded: Commands, keys: bytes) -> None:
    with started(embedded, SIZE, "db", "reset") as running:
        running.shows("Type that path to confirm")
        running.type(keys)
        left = running.end()
    assert left.code in (2, 130)
    assert_as_found(left)
    assert "nothing was deleted" in " ".join(left.page)
    assert embedded.run("bars", "AAPL.US").code == 0


def test_the_path_itself_deletes_all(embedded: Commands) -> None:
    home = embedded.environment["NEXUS_HOME"]
    with started(embedded, SIZE, "db", "reset") as running:
        running.shows("Type that path to confirm")
        running.type(f"{home}\n".encode())
        left = running.end()
    assert left.code == 0
    assert_as_found(left)
    assert embedded.run("bars", "AAPL.US").code == 2
