"""House law 9: no name hides behind a word that fits everything."""

from __future__ import annotations

import re
from pathlib import PurePath

import pytest

from tests.support.source import PACKAGE, definitions, modules

BANNED = frozenset(
    {"manager", "handler", "helper", "util", "common", "base", "processor"}
    | {"data", "info", "process"}
)
# The product's own name is its only exception.
PRODUCT = "data_nexus"


def banned_words(name: str) -> set[str]:
    """The banned words among the words of a snake_case or CamelCase name, plurals included."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {word for word in map(str.lower, words) if {word, word.removesuffix("s")} & BANNED}


@pytest.mark.parametrize(
    ("name", "banned"),
    [
        ("utils", {"utils"}),
        ("load_data", {"data"}),
        ("HTTPHandler", {"handler"}),
        ("BaseLoader2", {"base"}),
        ("database", set()),
        ("metadata", set()),
        ("rebase_prices", set()),
        ("processed_through", set()),
    ],
)
def test_a_name_is_judged_word_by_word(name: str, banned: set[str]) -> None:
    assert banned_words(name) == banned


def test_no_module_or_folder_has_a_banned_name() -> None:
    names = {
        part
        for module in modules("src", "bench", "tools", "bin", "scripts")
        for part in PurePath(module.path).with_suffix("").parts
    }
    assert {name for name in names - {PRODUCT} if banned_words(name)} == set()


def test_no_class_or_function_has_a_banned_name() -> None:
    found = [
        f"{module.at(node)} {node.name}"
        for module in modules(PACKAGE, "bench", "tools", "bin", "scripts")
        for node in definitions(module)
        if banned_words(node.name)
    ]
    assert found == []
