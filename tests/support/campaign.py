"""Sizes of tests that have a short form for every run and a long one for `make campaign`.

A test with two forms is marked `sized`, one that only the campaign runs `campaign`; the marker says
how much the test does: `@pytest.mark.sized(KILLS, "kills")`. If that is known only at the end, the
test records a property `size` instead. As a plugin of pytest, which `make campaign` loads, this
module prints a table of what was proved.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import Phase, settings

_MARKERS = frozenset({"campaign", "sized"})
_SIZE = "size"
# So much of a failure's text is shown at once, from its end.
_LAST_CHARS = 2000
_WORST_FIRST = ("failed", "skipped", "passed")


def is_campaign() -> bool:
    """Whether tests run in their long form."""
    return os.environ.get("NEXUS_CAMPAIGN") == "1"


def sized(short: int, long: int) -> int:
    """The size of a test: `short` in every run, `long` in the campaign."""
    return long if is_campaign() else short


def search(examples: int, **others: Any) -> settings:  # noqa: ANN401 - hypothesis's own settings
    """Settings of a search for counterexamples in a database, where each example takes its time.

    Only the campaign makes the one that was found as small as can be, which may take minutes.
    """
    phases = tuple(Phase) if is_campaign() else (Phase.explicit, Phase.reuse, Phase.generate)
    return settings(max_examples=examples, deadline=None, phases=phases, **others)


@dataclass(slots=True)
class Proof:
    """What one test of a campaign has shown, over its set-up, its call and its end."""

    size: str = ""
    seconds: float = 0.0
    result: str = "passed"

    def add(self, report: pytest.TestReport) -> None:
        """Take one more report of the test into account."""
        sizes = [str(value) for name, value in report.user_properties if name == _SIZE]
        self.size = ", ".join(sizes)
        self.seconds += report.duration
        self.result = min(self.result, report.outcome, key=_WORST_FIRST.index)


def claim_of(nodeid: str) -> str:
    """A test's name as a sentence, behind the module that makes it."""
    path, _, name = nodeid.partition("::")
    module = re.sub(r"^tests/|test_|\.py$", "", path)
    sentence, bracket, case = name.removeprefix("test_").partition("[")
    return f"{module}: {sentence.replace('_', ' ')}{bracket and ' ['}{case}"


def table(proofs: dict[str, Proof]) -> list[str]:
    """The lines of a table: claim, size, seconds, result; cases of one size are told together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for nodeid, proof in sorted(proofs.items()):
        alike.setdefault((nodeid.partition("[")[0], proof.size), []).append(nodeid)
    cells = [("claim", "size", "seconds", "result")]
    for (test, size), cases in alike.items():
        times = f"{len(cases)} x " if len(cases) > 1 else ""
        seconds = sum(proofs[case].seconds for case in cases)
        result = min((proofs[case].result for case in cases), key=_WORST_FIRST.index)
        claim = claim_of(test if times else cases[0])
        cells.append((claim, f"{times}{size}", f"{seconds:.0f}", result))
    widest = [max(len(row[column]) for row in cells) for column in (0, 1)]
    return [f"{row[0]:<{widest[0]}}  {row[1]:<{widest[1]}}  {row[2]:>7}  {row[3]}" for row in cells]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the reports of a marked test carry its size."""
    for marker in item.iter_markers():
        if marker.name in _MARKERS and marker.args:
            item.user_properties.append((_SIZE, " ".join(map(str, marker.args))))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Show a failure when it happens: the end may be an hour away."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        sys.stderr.write(f"\n{report.nodeid} failed:\n{report.longreprtext[-_LAST_CHARS:]}\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was proved."""
    proofs: dict[str, Proof] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                proofs.setdefault(report.nodeid, Proof()).add(report)
    if proofs:
        terminalreporter.section("campaign")
        for line in table(proofs):
            terminalreporter.write_line(line)
