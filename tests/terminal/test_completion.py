"""The tab key in real shells: words are completed soon, and never is anything said beside it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_nexus.cli.options import beginning_with
from data_nexus.database.embedded import names_file
from tests.support.postgres.tables import eventually
from tests.support.programs.commands import Commands
from tests.support.programs.terminals import Size, Terminal, program_on

SHELLS = ("bash", "zsh", "fish")
START_FILES = {"bash": ".bashrc", "zsh": ".zshrc"}


@pytest.fixture
def place(loaded: Commands, tmp_path: Path) -> Commands:
    """The same commands from a home of their own, with `nexus` in their PATH."""
    program = tmp_path / "bin" / "nexus"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m data_nexus "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    own = {
        "HOME": str(tmp_path),
        "NEXUS_HOME": str(tmp_path / "nexus"),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PS1": "> ",
        "LANG": "C.UTF-8",
    }
    return Commands(tmp_path, {**loaded.environment, **own})


@contextmanager
def shell_at(place: Commands, shell: str) -> Iterator[Terminal]:
    """A shell of a person with an embedded database, who has installed the completion."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not on this machine")
    assert place.run("completion", "install", "--shell", shell).code == 0
    kept = names_file(Path(place.environment["NEXUS_HOME"]))
    kept.parent.mkdir(parents=True)
    kept.write_text('{"symbols": ["AAPL.US", "MSFT.US"], "watchlists": ["mine"]}', encoding="utf-8")
    environment = {**place.environment, "TERM": "xterm-256color", "DATABASE_URL": ""}

    with program_on(Size(80, 24), [found, "-i"], environment, place.folder) as running:
        eventually(lambda: bool(running.raw), 10)
        yield running


def completed(place: Commands, *words: str, **environment: str) -> list[str]:
    """What bash is given in place of the last word, with nothing said beside it."""
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    asking = {**place.environment, **environment, **asked, "_NEXUS_COMPLETE": "bash_complete"}
    done = Commands(place.folder, asking).run()
    assert (done.code, done.stderr) in ((0, ""), (2, ""))
    return [line.removeprefix("plain,") for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_names_and_options(place: Commands, shell: str) -> None:
    with shell_at(place, shell) as running:
        for keys, line in (
            (b"nexus cov\t", "nexus coverage"),
            (b"aap\t", "nexus coverage AAPL.US"),
            (b"--watchlist=mi\t", "nexus coverage AAPL.US --watchlist=mine"),
            (b"--exch\t", "--watchlist=mine --exchange"),
        ):
            running.type(keys)
            running.shows(line)
        running.type(b"\x15exit\n")
        left = running.end()
    assert (left.code, left.shows_cursor, left.keeps_modes) == (0, True, True)
    assert not any("rror" in line or "Traceback" in line for line in left.page), left.page


def test_a_word_becomes_names_of_the_database(place: Commands) -> None:
    """At once, or on a busy machine at another press of the key."""
    for words, names in (
        (("bars", "AAP"), ["AAPL.US"]),
        (("update", "--exchange", "u"), ["US"]),
        (("backfill", "--symbols", "AAPL.US,msf"), ["AAPL.US,MSFT.US"]),
        (("watchlist", "show", ""), ["mine"]),
    ):
        eventually(lambda: completed(place, "nexus", *words) == names, 60)  # noqa: B023 - called here
    assert completed(place, "nexus", "co") == ["config", "completion", "coverage"]
    assert completed(place, "nexus", "nope", "x") == []


def test_without_a_database_nothing_is_completed_started_or_said(place: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        begun = time.monotonic()
        words = ("nexus", "bars", "AAP")
        assert completed(place, *words, DATABASE_URL=f"postgresql://x@127.0.0.1:{port}/x") == []
        assert time.monotonic() - begun < 15
    assert completed(place, *words, DATABASE_URL="not a URL") == []
    assert completed(place, *words, DATABASE_URL="") == []
    assert not (place.folder / "nexus" / "postgres").exists()


def test_an_embedded_database_leaves_its_names_when_it_ends(place: Commands) -> None:
    embedded = Commands(place.folder, {**place.environment, "DATABASE_URL": ""})
    assert embedded.run("discover").code == 0
    assert embedded.run("watchlist", "create", "tech", "AAPL.US").code == 0
    kept = names_file(Path(place.environment["NEXUS_HOME"]))
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_bytes())["watchlists"] == ["tech"]
    words = ("nexus", "bars", "AAP")
    assert completed(embedded, *words, EODHD_API_KEY_FILE="/nowhere") == ["AAPL.US"]
    kept.write_text('{"symbols": 3}', encoding="utf-8")
    assert completed(embedded, *words) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_an_installation_is_done_once_and_undone(place: Commands, shell: str) -> None:
    start_file = place.folder / START_FILES.get(shell, ".other")
    before = "alias a=b  # no newline at the end"
    start_file.write_text(before, encoding="utf-8")
    install = ("completion", "install", "--shell", shell, "--json")
    first, second = (place.run(*install).answer["written"] for _ in range(2))
    assert (len(first), second) == (len(first), [])
    assert all(Path(path).is_file() for path in first)
    assert place.run("completion", "show", "--shell", shell).stdout == Path(first[0]).read_text()
    removed = place.run("completion", "remove", "--shell", shell, "--json").answer["changed"]
    assert set(removed) == set(first)
    assert not Path(first[0]).exists()
    assert start_file.read_text(encoding="utf-8").rstrip("\n") == before
    assert place.run("completion", "remove", "--shell", shell, "--json").answer["changed"] == []


def test_a_start_file_that_is_a_link_stays_one(place: Commands) -> None:
    kept = place.folder / "dotfiles"
    kept.write_text("x=1\n", encoding="utf-8")
    kept.chmod(0o640)
    (place.folder / ".zshrc").symlink_to(kept)
    assert place.run("completion", "install", "--shell", "zsh").code == 0
    assert (place.folder / ".zshrc").is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o640
    assert "completion.zsh" in kept.read_text(encoding="utf-8")


def test_a_shell_that_cannot_be_completed_is_refused(place: Commands) -> None:
    for shell, named in (("/bin/dash", "dash"), ("", "in $SHELL")):
        asking = Commands(place.folder, {**place.environment, "SHELL": shell})
        done = asking.run("completion", "install")
        assert (done.code, named in done.stderr, "--shell" in done.stderr) == (2, True, True)


def test_capitals_do_not_matter_and_the_order_stays() -> None:
    assert beginning_with("ms", ["AAPL.US", "MSFT.US", "mine", "msci"]) == ["MSFT.US", "msci"]
    assert beginning_with("", []) == []


def test_a_choice_of_many_begins_alike_just_as_far_as_all_of_them() -> None:
    names = [*(f"AB{number:04}.US" for number in range(1000)), "AC.US", "BA.US"]
    for word, ends in (
        ("a", ["AB0000.US", "AC.US"]),
        ("ab", ["AB0000.US", "AB0999.US"]),
        ("", ["AB0000.US", "BA.US"]),
    ):
        chosen = beginning_with(word, names, most=20)
        assert len(chosen) == len(set(chosen)) == 20
        assert [chosen[0], chosen[-1]] == ends
