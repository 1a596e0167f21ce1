"""`nexus suspicions` lists what is in doubt, and a person accepts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres.tables import add_assets, execute
from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.system.conftest import Placed

LEAP, UNSENT = "its price leaps", "a stored bar is not sent any more"


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=1, bars_per_symbol=2) as running:
        yield running


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed, database_url: str) -> Commands:
    """Commands on a database with three suspicions of two assets."""
    add_assets(database_url, "AAPL")
    add_assets(database_url, "VOD", exchange="LSE")
    execute(
        database_url,
        "INSERT INTO suspicions (asset_id, reason, session, noted_at, times, read_after) VALUES"  # noqa: S608
        f" (1, '{LEAP}', '2026-11-09', '2026-11-10', 1, '2026-11-12 06:00+00'),"
        f" (1, '{UNSENT}', '2026-11-06', '2026-11-10', 6, 'infinity'),"
        f" (2, '{LEAP}', '2026-11-09', '2026-11-10', 0, '2026-11-11 06:00+00')",
    )
    return commands_for(vendor)


def test_what_is_open_is_listed_the_next_reading_first(commands: Commands) -> None:
    found = commands.run("suspicions", "list", "--json").answer["suspicions"]
    assert [(each["symbol"], each["reason"], each["session"]) for each in found] == [
        ("VOD.LSE", LEAP, "2026-11-09"),
        ("AAPL.US", LEAP, "2026-11-09"),
        ("AAPL.US", UNSENT, "2026-11-06"),
    ]
    assert [(each["times"], each["read_after"] is None) for each in found] == [
        (0, False),
        (1, False),
        (6, True),
    ]
    shown = commands.run("suspicions", "list", "--exchange", "US").stdout
    assert "VOD" not in shown
    assert "2026-11-12 06:00" in shown
    assert "up to you" in " ".join(shown.split())


def test_what_is_accepted_is_open_no_more(commands: Commands) -> None:
    done = commands.run("suspicions", "accept", "AAPL.US", "--reason", LEAP)
    assert (done.code, done.stdout) == (0, "1 suspicion accepted.\n")
    left = commands.run("suspicions", "accept", "AAPL.US", "VOD.LSE", "--json")
    assert (left.code, left.answer) == (0, {"accepted": 2})
    assert commands.run("suspicions", "list").stdout == "Nothing is suspected.\n"
    accepted = commands.run("suspicions", "list", "--accepted", "--json").answer["suspicions"]
    assert len(accepted) == 3
    assert all(each["accepted_at"] and each["read_after"] is None for each in accepted)
    again = commands.run("suspicions", "accept", "VOD.LSE")
    assert (again.code, again.stdout) == (0, "0 suspicions accepted.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("MSFT.US",), "MSFT.US is not in the database"),
        (("AAPL",), "not a symbol"),
        (("AAPL.US", "--reason", "leap"), "its price leaps"),
        ((), "SYMBOLS"),
    ],
)
def test_what_cannot_be_accepted_is_named(
    commands: Commands, arguments: tuple[str, ...], said: str
) -> None:
    done = commands.run("suspicions", "accept", *arguments)
    assert done.code == 2
    assert said in done.stderr
    assert len(commands.run("suspicions", "list", "--json").answer["suspicions"]) == 3
