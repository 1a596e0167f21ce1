"""What has a long form is run by `make campaign`, and told in its table."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.campaign import Proof, claim_of, sized, table
from tests.support.source import ROOT, Module, modules, read

TRIAL = """
import pytest
from tests.support.campaign import sized

@pytest.mark.sized(sized(2, 30), "kills")
def test_a_short_form(): pass

@pytest.mark.campaign
def test_only_the_campaign(record_property):
    record_property("size", "9 nights")
    raise AssertionError

def test_neither(): pass
"""


def calls_sized(module: Module) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) == "sized"
        for node in ast.walk(module.tree)
    )


def test_a_module_with_sizes_marks_the_tests_that_have_them() -> None:
    """Else the campaign, which goes by markers, would leave them out."""
    sizing = [m for m in modules("tests") if "/test_" in m.path and calls_sized(m)]
    assert sizing
    assert [m.path for m in sizing if "@pytest.mark.sized" not in m.text] == []


def test_a_campaign_runs_the_long_forms_and_tells_what_they_proved(tmp_path: Path) -> None:
    (tmp_path / "test_trial.py").write_text(TRIAL, encoding="utf-8")
    (way,) = re.findall(r"-m '(.*)'", read("Makefile"))
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.support.campaign", "-m", way),
            *("-c", ROOT / "pyproject.toml", tmp_path),
        ],
        cwd=ROOT,
        env={**os.environ, "NEXUS_CAMPAIGN": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line.split() for line in ended.stdout.splitlines() if "trial: " in line]
    assert [(" ".join(words[1:-2]), words[-1]) for words in told] == [
        ("a short form 30 kills", "passed"),
        ("only the campaign 9 nights", "failed"),
    ], ended.stdout


@pytest.mark.parametrize(("campaign", "size"), [("0", 2), ("1", 30)])
def test_a_size_is_long_in_the_campaign_only(
    monkeypatch: pytest.MonkeyPatch, campaign: str, size: int
) -> None:
    monkeypatch.setenv("NEXUS_CAMPAIGN", campaign)
    assert sized(2, 30) == size


def test_a_claim_is_a_sentence() -> None:
    assert claim_of("tests/crash/test_kills.py::test_kills_leave_no_trace[in bulk]") == (
        "crash/kills: kills leave no trace [in bulk]"
    )


def test_a_table_tells_claim_size_seconds_and_result() -> None:
    proofs = {
        "tests/a/test_b.py::test_c_d": Proof("200 kills", 61.4),
        "tests/a/test_b.py::test_e": Proof("", 0.2, "failed"),
        "tests/a/test_b.py::test_f[1]": Proof("1 day", 0.4),
        "tests/a/test_b.py::test_f[2]": Proof("1 day", 0.8, "failed"),
        "tests/a/test_b.py::test_f[3]": Proof("9 days", 3.0),
    }
    assert table(proofs) == [
        "claim       size       seconds  result",
        "a/b: c d    200 kills       61  passed",
        "a/b: e                       0  failed",
        "a/b: f      2 x 1 day        1  failed",
        "a/b: f [3]  9 days           3  passed",
    ]
