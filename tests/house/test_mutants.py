"""The list of seeded mistakes is current, and who judges them is not fooled."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.source import ROOT, read
from tools.mutants.__main__ import PAGE, table
from tools.mutants.catalogue import MUTANTS
from tools.mutants.mutant import Mutant
from tools.mutants.run import UnusableTests, Verdict, judge

LEAST, LEAST_DOUBLE = 80, 0.25
TRIAL = {
    ".gitignore": "__pycache__/\n",
    "src/sums.py": "def total(a: int, b: int) -> int:\n    return a + b\n",
    "tests/test_sums.py": (
        "import pytest\n"
        "from sums import total\n\n"
        "def test_two_and_three() -> None:\n    assert total(2, 3) == 5\n\n"
        "def test_nothing() -> None:\n    assert total(0, 0) == 0\n\n"
        "def test_wrong() -> None:\n    assert total(1, 1) == 3\n\n"
        "def test_skipped() -> None:\n    pytest.skip('no reason')\n\n"
        "@pytest.fixture\ndef two() -> int:\n    assert total(1, 1) == 2\n    return 2\n\n"
        "def test_of_a_fixture(two: int) -> None:\n    assert two == 2\n\n"
        "def test_that_ends() -> None:\n    while total(1, 1) != 2:\n        pass\n"
    ),
}


def trial(after: str, *tests: str, before: str = "a + b") -> Mutant:
    """A mistake in the trial tree, with the tests that are to catch it."""
    return Mutant(
        name="trial",
        file="src/sums.py",
        before=before,
        after=after,
        harm="sums are wrong",
        tests=tuple(f"tests/test_sums.py::test_{test}" for test in tests),
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path, text in TRIAL.items():
        file = tmp_path / "project" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "project"


def judged(tree: Path, mutant: Mutant, seconds: float = 60) -> Verdict:
    (verdict,) = judge(tree, [mutant], 1, seconds)
    assert (tree / "src/sums.py").read_text(encoding="utf-8") == TRIAL["src/sums.py"]
    return verdict


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_of_the_list_can_be_made_and_its_tests_exist(mutant: Mutant) -> None:
    assert mutant.text_in(ROOT) != read(mutant.file)
    for test in mutant.tests:
        path, _, name = test.partition("::")
        functions = {
            node.name
            for node in ast.walk(ast.parse(read(path)))
            if isinstance(node, ast.FunctionDef)
        }
        assert functions, path
        assert not name or name.partition("[")[0] in functions, test


def test_the_list_is_long_and_holds_what_needs_two_circumstances() -> None:
    assert len(MUTANTS) >= LEAST
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    double = [mutant for mutant in MUTANTS if mutant.circumstances > 1]
    assert len(double) >= LEAST_DOUBLE * len(MUTANTS)


def test_the_page_has_a_row_for_each_mistake() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [mutant.name for mutant in MUTANTS if f"| {mutant.name} |" not in page] == []


def test_a_mistake_is_caught_by_the_first_test_that_fails(tree: Path) -> None:
    verdict = judged(tree, trial("a - b", "nothing", "two_and_three"))
    assert verdict.caught_by == "tests/test_sums.py::test_two_and_three"
    assert "| trial | `src/sums.py` | sums are wrong | `test_sums.py` two and three |" in table(
        [verdict]
    )


def test_a_mistake_that_no_test_notices_survives(tree: Path) -> None:
    verdict = judged(tree, trial("a - b", "nothing"))
    assert (verdict.caught_by, verdict.trouble) == ("", "")
    assert "0 of 1 mistakes caught" in table([verdict])


@pytest.mark.parametrize(
    ("after", "test", "trouble"),
    [
        ("a + c", "nothing", "not valid"),
        ("a + b\n\nimport nowhere", "nothing", "could not be run"),
        ("a - b", "of_a_fixture", "could not be run"),
        ("a - b", "that_ends", "in time"),
    ],
)
def test_what_is_no_failing_test_catches_nothing(
    tree: Path, after: str, test: str, trouble: str
) -> None:
    verdict = judged(tree, trial(after, test), seconds=5 if "time" in trouble else 60)
    assert verdict.caught_by == ""
    assert trouble in verdict.trouble


@pytest.mark.parametrize("test", ["wrong", "skipped", "that_is_not_there"])
def test_tests_that_do_not_pass_without_a_mistake_judge_none(tree: Path, test: str) -> None:
    with pytest.raises(UnusableTests):
        judged(tree, trial("a - b", "two_and_three", test))


def test_a_mistake_that_cannot_be_made_is_an_error(tree: Path) -> None:
    with pytest.raises(LookupError, match="0 times"):
        judged(tree, trial("a - b", "nothing", before="a * b"))
    with pytest.raises(SyntaxError):
        judged(tree, trial("a +", "nothing"))
