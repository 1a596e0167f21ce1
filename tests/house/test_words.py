"""What no file of the project may say: it is complete, and it belongs to no machine."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.support.source import PACKAGE, files, read

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


# Words of a private language: the field has others, which an engineer searches for.
AVOIDED = frozenset(
    {"told", "tell", "tells", "whom", "nobody", "somebody", "wish", "errand", "night", "nights"}
    | {"sheet", "fate", "aside", "trip", "shelf"}
)
# What the vendor sends, or a law of the field calls so, may stand: "path: the line's text".
ALLOWED: frozenset[str] = frozenset()


def avoided_words(text: str) -> set[str]:
    """The avoided words among those of a text or of a snake_case or CamelCase name."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)
    return set(AVOIDED.intersection(map(str.lower, words)))


def said(path: str) -> Iterator[str]:
    """The names, strings and comments of a module, a line each; the lines of any other file."""
    if not path.endswith(".py"):
        yield from read(path).splitlines()
        return
    for token in tokenize.generate_tokens(io.StringIO(read(path)).readline):
        if token.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT):
            yield from token.string.splitlines()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the vendor told nothing", {"told"}),
        ("_put_aside", {"aside"}),
        ("ToldActions", {"told"}),
        ("the nightly update", set()),
        ("overnight", set()),
        ("besides", set()),
    ],
)
def test_a_text_is_judged_word_by_word(text: str, found: set[str]) -> None:
    assert avoided_words(text) == found


def test_no_name_and_no_text_of_the_code_uses_an_avoided_word() -> None:
    found = [
        f"{path}: {line.strip()}"
        for path in files(PACKAGE)
        if "migrations/versions" not in path and path.endswith((".py", ".sql"))
        for line in said(path)
        if avoided_words(line)
    ]
    assert sorted(set(found) - ALLOWED) == []


def test_no_module_opens_with_a_ritual() -> None:
    found = [
        path
        for path in files("src", "tests", "bench", "tools", "bin", "scripts")
        if path.endswith(".py") and read(path).startswith('"""Owns')
    ]
    assert found == []
