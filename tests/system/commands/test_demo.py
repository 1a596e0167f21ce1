"""The newcomer's first command: it plays the main job, and proves what it says."""

from __future__ import annotations

from pathlib import Path

from tests.support.programs.commands import commands_at
from tests.support.vendor.sandbox import Sandbox

# Without a key, and where nobody answers.
NO_VENDOR = Sandbox("http://127.0.0.1:9/api", "", 0, "")


def test_the_demo_is_killed_goes_on_and_ends_with_an_update_that_costs_no_needless_call(
    tmp_path: Path,
) -> None:
    done = commands_at(tmp_path, NO_VENDOR).run("demo", "--json")
    assert done.code == 0, done.stderr
    told = done.answer
    update = told["update"]
    assert told["finished_before_kill"] > 0
    loaded = told["finished_before_kill"] + told["resumed"]["synced"]
    assert told["status"]["assets"]["with_data"] == loaded
    assert told["once_more"]["requests"] == 0
    assert told["actions"]["calls"] == 2 * told["actions"]["actions"] > 0
    assert update["calls"] == update["total_assets"] + update["reread"] + 2 * update["actions"]
    assert update["reread"] >= 2
    assert told["update_once_more"]["requests"] == 0
    numbers = [line[0] for line in done.stderr.splitlines() if line[:1].isdigit()]
    assert numbers == [*"123456789"]
