"""The SQL is found by name: each name stands once, says what it is for, and is used."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TypeGuard

from data_nexus.database.queries import FOLDERS, included, named_statements, query
from tests.support.source import PACKAGE, files, modules, read

DATABASE = f"{PACKAGE}/database"
SQL_FILES = sorted(
    {path for room in FOLDERS for path in files(f"{DATABASE}/{room}") if path.endswith(".sql")}
)
STATEMENTS = [pair for path in SQL_FILES for pair in named_statements(read(path))]


def test_every_name_stands_once() -> None:
    counts = Counter(name for name, _ in STATEMENTS)
    assert len(counts) > 100
    assert [name for name, count in counts.items() if count > 1] == []


def test_nothing_stands_before_the_first_name_of_a_file() -> None:
    assert [path for path in SQL_FILES if not read(path).startswith("-- name: ")] == []


def test_every_statement_says_what_it_is_for() -> None:
    sentence = re.compile(r"-- [A-Z].+")
    assert [name for name, text in STATEMENTS if not sentence.match(text)] == []


def test_every_statement_is_found_by_its_name() -> None:
    alone = {name: text.encode() for name, text in STATEMENTS if not included(text)}
    assert {name: query(name) for name in alone} == alone


def test_a_statement_holds_the_texts_of_those_that_it_includes() -> None:
    texts = dict(STATEMENTS)
    composed = [name for name, text in STATEMENTS if included(text)]
    assert composed
    for name in composed:
        expected = texts[name]
        while parts := included(expected):  # what is included may include others
            for part in parts:
                expected = expected.replace(f"{{{part}}}", texts[part])
        assert query(name) == expected.encode()
        assert not re.search(r"\{\w+\}", expected)


def test_every_statement_is_used_in_the_database_and_only_there() -> None:
    names = {name for name, _ in STATEMENTS}
    used = {
        word
        for module in modules(DATABASE)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in [node.value]
    }
    used |= {part for _, text in STATEMENTS for part in included(text)}
    assert sorted(names - used) == []


def test_only_the_database_reads_the_text_of_a_statement() -> None:
    """Others may run a shared query, a `Select`, by the database's own verbs."""
    found = [
        module.at(node)
        for module in modules(PACKAGE)
        if not module.path.startswith(f"{DATABASE}/")
        for node in ast.walk(module.tree)
        if _names_query(node)
    ]
    assert found == []


def _names_query(node: ast.AST) -> TypeGuard[ast.ImportFrom | ast.Attribute]:
    if isinstance(node, ast.ImportFrom):
        is_loader = node.module == "data_nexus.database.queries"
        return is_loader and any(alias.name == "query" for alias in node.names)
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "queries.query"
