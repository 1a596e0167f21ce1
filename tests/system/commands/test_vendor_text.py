"""What the vendor writes is shown as text: no markup, no link, nothing that a terminal obeys."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from data_nexus.cli.load.report import print_lists
from data_nexus.cli.render import print_error, print_pairs
from data_nexus.database.store.listings import ListingChanges
from data_nexus.domain.listings.succession import Rename, Succession
from data_nexus.ingestion.reports.discovered import Discovered
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute, rows
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.listings import listing, store_list
from tests.support.vendor.sandbox import sandbox

ODD_CODE = "[bold]"
MARKUP = "A [/x] [link=http://evil.example]click[/link] [bold]b[/bold] :smile: <b>"
OBEYED = (
    "\x1b[31mred \x1b]8;;http://evil.example\x1b\\click \x1b]52;c;cGFzdGU=\x07 \x9b2J \x90q"
    " \u202egnp \u2028 \u200b \x08\x08 \r"
)
HOSTILE = f"{MARKUP} {OBEYED}"
SYMBOL = f"{ODD_CODE}.US"
SHOWN = (
    ("dead-letters", "list"),
    ("dead-letters", "show", SYMBOL),
    ("listings", SYMBOL),
    ("changes", "--since", "2020-01-01"),
    ("bars", SYMBOL),
)
QUIET = (("status",), ("plan",), ("config",), ("bars", f"[/x]{HOSTILE}.US"))
# What rich writes for its own styles.
STYLES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def commands(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands on a database in which every text of the vendor is hostile."""
    with cluster.fresh_database() as url, sandbox(symbols=1, bars_per_symbol=2) as vendor:
        store_list(url, [listing(ODD_CODE), listing("GONE")])
        store_list(url, [listing(ODD_CODE)], max_shrink=1.0)
        fill(url)
        yield commands_at(tmp_path_factory.mktemp("texts"), vendor, url)


def fill(url: str) -> None:
    """Put hostile text wherever a table holds the vendor's."""
    add_assets(url, "=1+1", name="x")
    rows(url, "UPDATE assets SET name = %s, venue = %s", HOSTILE, HOSTILE)
    rows(url, "UPDATE listings SET name = %s, venue = %s, asset_type = %s", *[HOSTILE] * 3)
    execute(
        url,
        "INSERT INTO market_data SELECT id, date '2024-01-02', 1, 1, 1, 1, 1, 1 FROM assets",
        "INSERT INTO dividends (asset_id, date, value) SELECT id, date '2024-01-02', 1 FROM assets",
    )
    rows(url, "UPDATE dividends SET currency = %s", HOSTILE)
    rows(
        url,
        "INSERT INTO dead_letters (asset_id, endpoint, request, status, reason, excerpt)"
        " SELECT id, 'eod', '/eod', 400, %s, %s FROM assets",
        HOSTILE,
        HOSTILE,
    )


def on_terminal(commands: Commands, *all_words: tuple[str, ...]) -> str:
    """Run commands one after the other in a process on a terminal of its own; what it showed."""
    program = (
        "import json, sys\nfrom data_nexus.cli.main import nexus, run\n"
        "for words in json.loads(sys.argv[1]): run(nexus, words)"
    )
    leader, follower = pty.openpty()
    settings = {**commands.environment, "COLUMNS": "2000", "TERM": "xterm-256color"}
    child = subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(all_words)],
        cwd=commands.folder,
        env=settings,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 65_536):
            shown += part
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(leader)
        child.wait(60)
    return shown.decode()


def assert_only_text(shown: str) -> None:
    """Nothing but printable characters, line ends, tabs and the styles of the command itself."""
    rest = STYLES.sub("", shown)
    assert {c for c in rest if not c.isprintable()} <= {"\n", "\r", "\t"}
    assert "\x1b]" not in shown


def test_a_terminal_gets_the_vendor_s_text_and_nothing_to_obey(commands: Commands) -> None:
    shown = on_terminal(commands, *SHOWN, *QUIET)
    assert_only_text(shown)
    assert "a bug of ours" not in shown
    assert shown.count(MARKUP) >= 6
    assert shown.count(SYMBOL) >= len(SHOWN)
    assert "␛[31mred" in shown


@pytest.mark.parametrize("words", [*SHOWN, *QUIET], ids=lambda words: " ".join(words)[:20])
def test_a_pipe_gets_the_vendor_s_text_as_it_is(commands: Commands, words: tuple[str, ...]) -> None:
    done = commands.run(*words)
    assert done.code in (0, 2), done.stderr
    assert_only_text(done.stdout + done.stderr)
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", SHOWN[:4], ids=lambda words: " ".join(words)[:20])
def test_json_has_the_text_itself_in_letters_of_ascii(
    commands: Commands, words: tuple[str, ...]
) -> None:
    done = commands.run(*words, "--json")
    assert done.code == 0
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert json.dumps(HOSTILE)[1:-1] in done.stdout


def test_a_code_that_a_spreadsheet_would_run_is_marked_in_csv(commands: Commands) -> None:
    done = commands.run("bars", "=1+1.US", SYMBOL, "--format", "csv")
    head, *lines = csv.reader(io.StringIO(done.stdout))
    at = head.index("ticker")
    assert sorted(line[at] for line in lines) == ["'=1+1.US", SYMBOL]


def test_reports_and_errors_show_text_alone(capsys: pytest.CaptureFixture[str]) -> None:
    renames = (Rename(1, HOSTILE, HOSTILE, HOSTILE),)
    changes = ListingChanges(1, 0, 0, 0, 1, 0, 0, is_shrunk=False, succession=Succession(renames))
    found = Discovered(MARKUP, changes, 0, delisted=False, calls=1)
    print_lists([found])
    print_pairs([(HOSTILE, HOSTILE)])
    print_error(HOSTILE, 3, as_json=True)
    out, err = capsys.readouterr()
    assert_only_text(out + err)
    assert err.startswith(f"error: {MARKUP} ␛[31mred")
    assert "[/x]" in out
