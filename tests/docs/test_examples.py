"""House law 8: the docs' examples run, as they are written, against the sandbox.

In a `console` block each line `$ nexus …` is a command that must succeed, or one that works until
it is stopped; other lines are what it answers, or belong to the shell. A `python` block runs as it
would in a notebook, where `await` needs no function around it. The tutorial is a notebook.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.postgres.database import Cluster
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked
from tests.support.programs.forks import FORKS
from tests.support.programs.notebooks import executed
from tests.support.source import ROOT, files, read
from tests.support.vendor.sandbox import sandbox
from tools.notebook import NOTEBOOK, PAGE, notebook

BLOCK = re.compile(r"^( *)```(console|python)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PAGES = [
    path
    for path in ("README.md", *files("docs"))
    if path.endswith(".md") and BLOCK.search(read(path)) and path != "docs/tutorial.md"
]
# What a page's prose has introduced before its code begins.
GIVEN = {
    "docs/specification.md": """
        import os
        from data_nexus.ingestion.asset_discovery import AssetDiscovery
        from data_nexus.ingestion.history_loader import EODHistoryLoader
        api_key, db_config = os.environ["EODHD_API_KEY"], os.environ["DATABASE_URL"]
    """
}
# Commands that work until they are stopped.
ENDLESS = {"worker", "run"}
PROGRAM = ROOT / "tests" / "support" / "programs" / "page_code.py"


@dataclass(frozen=True, slots=True)
class Desk:
    """A place to try things: a folder, and an environment with a key, a vendor and a database."""

    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str) -> None:
        """Run `nexus`; the test fails when the command does."""
        commands = Commands(self.folder, self.environment | {"PYTHONWARNINGS": "error"})
        log = self.folder / "forked.log"
        log.unlink(missing_ok=True)
        with forked(commands, *arguments) as running:
            running.join(120)
        assert running.exitcode == 0, f"{shlex.join(arguments)}\n{log.read_text(encoding='utf-8')}"

    def run_python(self, page: str, code: str) -> None:
        """Run a page's code, forked; the test fails when that does."""
        place = "tests.support.programs.page_code:main"
        child = FORKS.start(place, [page], self.environment, self.folder)
        try:
            child.stdin.write(code)
            said = child.communicate(120)
            assert child.wait() == 0, f"{page}\n{''.join(said)}"
        finally:
            child.close()

    def run_python_process(self, page: str, code: str) -> None:
        """Run a page's code as a shell starts it: all that it imports is loaded anew."""
        ended = subprocess.run(
            [sys.executable, "-P", "-W", "error", PROGRAM, page],
            cwd=self.folder,
            env=self.environment,
            input=code,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, f"{page}\n{ended.stdout}{ended.stderr}"

    def run_until_stopped(self, *arguments: str) -> None:
        """Run `nexus` until it works, and drain it; the test fails when it ends by itself."""
        with subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "data_nexus", *arguments],
            cwd=self.folder,
            env=self.environment | {"NEXUS_LOG_LEVEL": "info"},
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            try:
                assert running.stderr
                assert any("RunStarted" in line for line in running.stderr), "it does not begin"
                running.send_signal(signal.SIGTERM)
                said = running.stderr.read()
                assert running.wait(120) == 75, said
            finally:
                running.kill()


@pytest.fixture(scope="module")
def desk(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose database holds a small exchange's bars, as after a first evening."""
    folder = tmp_path_factory.mktemp("desk")
    with (
        cluster.fresh_database() as url,
        sandbox(clean=True, symbols=20, years=2, minute_limit=1_000_000) as vendor,
    ):
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "EODHD_API_KEY": vendor.token,
            "EODHD_BASE_URL": vendor.url,
            "NEXUS_HOME": str(folder / "home"),
        }
        desk = Desk(folder, environment)
        desk.run("discover", "--exchange", "US")
        desk.run("backfill", "--no-limit")
        desk.run("update")
        yield desk


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page: str, desk: Desk) -> None:
    given = textwrap.dedent(GIVEN.get(page, ""))
    for _, language, block in BLOCK.findall(read(page)):
        if language == "python":
            run = desk.run_python_process if page == "README.md" else desk.run_python
            run(page, given + textwrap.dedent(block))
        else:
            try_commands(block, desk)


def test_the_tutorial_is_written_as_a_notebook_without_outputs() -> None:
    assert NOTEBOOK.read_text("utf-8") == notebook(PAGE.read_text("utf-8"))


def test_the_tutorial_runs_as_a_notebook_and_shows_what_it_says(desk: Desk) -> None:
    # ipykernel itself uses, when it ends, what it says will go some day.
    strict = {"PYTHONWARNINGS": "error,ignore::PendingDeprecationWarning"}
    found = os.environ["PATH"]
    path = {"PATH": f"{Path(sys.executable).parent}:{found}"}
    cells = executed(NOTEBOOK, desk.folder, desk.environment | strict | path)
    outputs = [output for cell in cells for output in cell.outputs]
    assert [each["text"] for each in outputs if each.get("name") == "stderr"] == []
    shown = [each["data"].get("text/html", "") for each in outputs if "data" in each]
    (pictures, frames, tables) = (
        [text for text in shown if mark in text]
        for mark in ("<iframe", 'class="dataframe"', "<caption>")
    )
    assert [len(each) for each in (pictures, frames, tables)] == [1, 3, 1]
    hosts = ("jsdelivr", "unpkg", "cdnjs", "googleapis")
    assert not any(host in text for host in hosts for text in shown)


def try_commands(block: str, desk: Desk) -> None:
    for command in re.findall(r"^ *\$ nexus (.*)$", block, re.MULTILINE):
        words = shlex.split(command, comments=True)
        if words[0] in ENDLESS and "--once" not in words:
            desk.run_until_stopped(*words)
        else:
            desk.run(*words)


def test_the_readme_has_examples_of_both_kinds() -> None:
    assert {language for _, language, _ in BLOCK.findall(read("README.md"))} == {
        "console",
        "python",
    }
