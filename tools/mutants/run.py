"""Seed mistakes into copies of the tree, one at a time, and run the tests that must catch them."""

from __future__ import annotations

import os
import re
import shutil
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
_FIRST_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mistake: the test that noticed it, "" if none did, and the seconds."""

    mutant: Mutant
    caught_by: str
    seconds: float


def judge(
    root: Path, mutants: Sequence[Mutant], jobs: int, longest_sec: float
) -> Iterator[Verdict]:
    """Try each mistake in a copy of the tree at `root`; yield the verdicts as they come.

    Raises `RuntimeError` if the tests fail without any mistake, or cannot be run with one.
    """
    with _copies(root, jobs) as copies:
        chosen = sorted({test for mutant in mutants for test in mutant.tests})
        copy = copies.get()
        if failed := _first_failure(copy, chosen, longest_sec * len(mutants)):
            raise RuntimeError(f"without any mistake, {failed} fails already")
        copies.put(copy)

        def judged(mutant: Mutant) -> Verdict:
            tree, started = copies.get(), time.monotonic()
            text = mutant.seed(tree)
            try:
                caught_by = _first_failure(tree, mutant.tests, longest_sec)
            finally:
                (tree / mutant.file).write_text(text, encoding="utf-8")
                copies.put(tree)
            return Verdict(mutant, caught_by, time.monotonic() - started)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(judged, mutants)


@contextmanager
def _copies(root: Path, number: int) -> Iterator[SimpleQueue[Path]]:
    """Give copies of what git knows or would add; they are removed in the end."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - any git
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for n in range(number):
            copy = Path(folder) / str(n) / root.name
            for name in filter(None, listed.stdout.split("\0")):
                if (root / name).is_file():
                    (copy / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(root / name, copy / name)
            copies.put(copy)
        yield copies


def _first_failure(tree: Path, tests: Sequence[str], longest_sec: float) -> str:
    """Return the first test that fails in a tree, "" if none does.

    A run that does not end in time counts as noticed: whoever waits for it sees it.
    """
    paths = [str(tree / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(  # noqa: S603 - our own tests
            command,
            cwd=tree,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
            timeout=longest_sec,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {longest_sec:.0f} s"
    if not done.returncode:
        return ""
    found = _FIRST_FAILURE.search(done.stdout)
    if done.returncode != _FAILED or found is None:
        raise RuntimeError(f"pytest could not run the tests:\n{done.stdout}{done.stderr}")
    return found[1]
