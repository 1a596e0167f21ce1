"""A short run of `make fuzz`, the same each time; and the fuzz sees what it is there to see."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random

import pytest

from data_nexus.errors import BrokenAnswer
from tools.fuzz.__main__ import main
from tools.fuzz.loop import CORPUS, Campaign
from tools.fuzz.mutations import mutated, with_one_odd_value
from tools.fuzz.targets import TARGETS, Kept, Target, require

ROWS = ({"a": "1"}, {"a": "2"}, {"a": "3"})


def test_a_short_fuzz_of_every_reader_finds_nothing() -> None:
    campaign = Campaign(TARGETS, seed=7)
    campaign.run(250 * len(TARGETS))
    found = {name: tally.findings for name, tally in campaign.tallies.items() if tally.findings}
    assert found == {}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_corpus_of_a_reader_is_read(target: Target) -> None:
    for name in target.corpus:
        if name == target.corpus[0]:
            target.read((CORPUS / name).read_bytes())


def of_whole(body: bytes) -> Kept:
    """A reader that loses the whole answer for any odd value."""
    try:
        return frozenset(str(row["a"]) for row in json.loads(body))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BrokenAnswer("not JSON") from None


def untyped(body: bytes) -> Kept:
    raise KeyError(body)


def slow(_: bytes) -> Kept:
    began = time.thread_time()
    while time.thread_time() - began < 0.51:
        pass
    return frozenset()


def untrue(_: bytes) -> Kept:
    require(False, "the counts do not add up")  # noqa: FBT003 - that is its point
    return frozenset()


def first_finding(target: Target, folder: Path | None = None) -> str:
    campaign = Campaign((target,), seed=1, folder=folder)
    chance = Random(1)  # noqa: S311 - it is to be the same each time
    for _ in range(40):
        body = mutated(campaign.pools[target.name], chance)
        campaign._execute(target, body, target.read)  # noqa: SLF001 - a run would take its time
        if campaign.findings:
            break
    return next(iter(campaign.tallies[target.name].findings), "")


def test_an_untyped_error_is_a_finding_and_its_input_is_kept(tmp_path: Path) -> None:
    assert first_finding(Target("x", untyped, ("eod",)), tmp_path).startswith("KeyError")
    (kept,) = (tmp_path / "findings").iterdir()
    with pytest.raises(KeyError):
        untyped(kept.read_bytes())


def test_a_slow_case_and_a_breach_are_findings() -> None:
    assert first_finding(Target("x", slow, ("eod",))).startswith("slow: 0.5 s")
    assert first_finding(Target("x", untrue, ("eod",))).startswith("the counts do not add up")


def test_a_lost_answer_is_a_finding() -> None:
    campaign = Campaign((Target("x", of_whole, ("eod",), ROWS),), seed=1)
    campaign.run(500)
    assert any("one odd value lost the answer" in kind for kind in campaign.tallies["x"].findings)


def test_one_odd_value_leaves_the_other_rows_as_they_are() -> None:
    body, key, value = with_one_odd_value(ROWS, Random(3))  # noqa: S311
    assert sum(text in body for text in (b'{"a":1}', b'{"a":2}', b'{"a":3}')) == 2
    assert value in body
    assert key in ("a", "unread", "")


def test_a_run_that_was_stopped_goes_on_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    targets = tuple(target for target in TARGETS if target.name in ("splits", "user", "gzip"))
    for executions in (750, 1500):
        Campaign(targets, 5, tmp_path / "stopped").run(executions)
    Campaign(targets, 5, tmp_path / "whole").run(1500)
    stopped, whole = (
        json.loads((tmp_path / name / "progress.json").read_text()) for name in ("stopped", "whole")
    )
    for tallies in (stopped, whole):
        for tally in tallies["targets"].values():
            del tally["slowest_sec"], tally["refused"]
    assert stopped == whole


def test_the_command_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--executions", "250", "--seed", "7", "--target", "eod", "--folder", str(tmp_path)]
    assert main(arguments) == 0
    head, line, total = capsys.readouterr().out.splitlines()
    assert head.split() == ["target", "executions", "refused", "slowest", "findings"]
    assert line.split()[:2] == ["eod", "250"]
    assert total.split() == ["all", "250"]
