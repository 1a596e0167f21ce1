"""Seed mistakes into copies of the tree, one at a time, and run the tests that must catch them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tools.mutants.mutant import Mutant

# Of pytest: some tests failed.
_FAILED = 1
_FIRST_FAILURE = re.compile(r"^FAILED (.+?)(?: - |$)", re.MULTILINE)
_SKIPPED = re.compile(r"^SKIPPED.*", re.MULTILINE)
# What fails with this is not a mistake that anybody would merge: it shows at the first use.
_INVALID = re.compile(
    r"^E .*\b(SyntaxError|IndentationError|NameError|ImportError|ModuleNotFoundError"
    r"|Undefined(?:Column|Table|Function|Object|Parameter)|AmbiguousColumn"
    r"|syntax error at or near)\b",
    re.MULTILINE,
)
_END_SEC = 30.0
_PYTEST = (sys.executable, "-B", "-m", "pytest", "-q", "-x", "--tb=short", "-p", "no:cacheprovider")


class UnusableTests(Exception):
    """The tests cannot judge: they fail, are skipped or do not run without any mistake."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mistake: the first test that failed, "" if none did, and the seconds.

    With a `trouble` nothing can be said: the tests did not run or end, or the code is not valid.
    """

    mutant: Mutant
    caught_by: str
    seconds: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class _Ended:
    """How pytest ended; the code is None if it was stopped."""

    code: int | None
    output: str


def judge(
    root: Path, mutants: Sequence[Mutant], jobs: int, longest_sec: float
) -> Iterator[Verdict]:
    """Try each mistake in a copy of the tree at `root`; yield the verdicts in their order.

    Raises `LookupError` or `SyntaxError` for a mistake that cannot be made, before anything is run,
    and `UnusableTests` unless all the tests pass without any mistake.
    """
    for mutant in mutants:
        mutant.text_in(root)
    with _copies(root, jobs) as copies:
        tree = copies.get()
        _expect_passes(tree, [*dict.fromkeys(t for m in mutants for t in m.tests)], jobs)
        copies.put(tree)

        def judged(mutant: Mutant) -> Verdict:
            tree = copies.get()
            try:
                return _judged(tree, mutant, longest_sec)
            finally:
                copies.put(tree)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(judged, mutants)


def _judged(tree: Path, mutant: Mutant, longest_sec: float) -> Verdict:
    path, started = tree / mutant.file, time.monotonic()
    right = path.read_text(encoding="utf-8")
    path.write_text(mutant.text_in(tree), encoding="utf-8")
    try:
        ended = _pytest(tree, mutant.tests, longest_sec)
    finally:
        path.write_text(right, encoding="utf-8")
    found = _FIRST_FAILURE.search(ended.output)
    trouble = _trouble_of(ended, found is not None)
    caught_by = found[1] if found and not trouble else ""
    return Verdict(mutant, caught_by, time.monotonic() - started, trouble)


def _trouble_of(ended: _Ended, some_failed: bool) -> str:  # noqa: FBT001 - of one caller
    """Return why a run of the tests says nothing about the mistake; "" if it does."""
    if ended.code is None:
        return "the tests did not end in time"
    if ended.code == 0:
        return ""
    if ended.code != _FAILED or not some_failed:
        return f"the tests could not be run: {ended.output[-2000:]}"
    invalid = _INVALID.search(ended.output)
    return f"the code is not valid: {invalid[0].strip()}" if invalid else ""


def _expect_passes(tree: Path, tests: Sequence[str], jobs: int) -> None:
    """Raise `UnusableTests` unless all of the tests pass in a tree, none of them skipped."""
    workers = ("--numprocesses", str(jobs), "--dist", "worksteal") if jobs > 1 else ()
    ended = _pytest(tree, (*workers, *tests), None)
    if ended.code:
        raise UnusableTests(f"without any mistake they do not pass:\n{ended.output[-4000:]}")
    if skipped := _SKIPPED.search(ended.output):
        raise UnusableTests(f"one of them proves nothing here: {skipped[0]}")


@contextmanager
def _copies(root: Path, number: int) -> Iterator[SimpleQueue[Path]]:
    """Give copies of the project, without what `.gitignore` names; they are removed in the end."""
    ignored = (root / ".gitignore").read_text(encoding="utf-8").split()
    left_out = shutil.ignore_patterns(".git", *(name.strip("/") for name in ignored))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for n in range(number):
            copy = Path(folder) / str(n) / root.name
            shutil.copytree(root, copy, ignore=left_out)
            copies.put(copy)
        yield copies


def _pytest(tree: Path, arguments: Sequence[str], longest_sec: float | None) -> _Ended:
    """Run pytest on a tree, up to the first failure; with the same examples of hypothesis."""
    paths = [str(tree / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(  # noqa: S603 - our own tests
        [*_PYTEST, "--hypothesis-seed=1", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            output, _ = running.communicate(timeout=longest_sec)
        except subprocess.TimeoutExpired:
            return _Ended(None, "")
        finally:
            _stop(running)
    return _Ended(running.returncode, output)


def _stop(running: subprocess.Popen[str]) -> None:
    """Let a run end that takes too long or is no longer wanted, and all that it has started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if running.poll() is not None:
            return
        os.killpg(running.pid, number)
        try:
            running.communicate(timeout=_END_SEC)
        except subprocess.TimeoutExpired:
            continue
