"""What no file of the project may say: it is complete, and it belongs to no machine."""

from __future__ import annotations

import re

from tests.support.source import files, read

# One letter of each stands in brackets, so that this file keeps its own law.
UNFINISHED = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b")
WORKPLACE = re.compile(r"/wor[k]/|/roo[t]/|/tm[p]/w/|agent sessio[n]")
NEIGHBOUR = re.compile(r"\.\./share[d]")


def lines_with(words: re.Pattern[str], *folders: str) -> list[str]:
    """Where a file below the folders holds one of the words."""
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in files(*folders)
        for number, line in enumerate(read(path).splitlines(), start=1)
        if words.search(line)
    ]


def test_nothing_is_left_to_do() -> None:
    assert lines_with(UNFINISHED, ".") == []


def test_no_file_speaks_of_the_place_where_it_was_written() -> None:
    assert lines_with(WORKPLACE, ".") == []


def test_only_tests_look_for_the_folder_beside_the_project() -> None:
    found = lines_with(NEIGHBOUR, ".")
    assert [where for where in found if not where.startswith("tests/")] == []
