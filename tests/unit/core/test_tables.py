"""A table never cuts a value: it folds, or is printed row by row; in a pipe each row is a line."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from data_nexus.cli import render
from data_nexus.cli.render import PlainConsole, counted, print_pairs, print_table

NAME = "A Company of a Very Long Name That Goes On and On Incorporated and Sons"
ROWS = [
    ("AAPL.US", NAME, 1_234_567, date(2026, 11, 30), 1234.5678),
    ("B.US", "", None, None, 0.0001),
]
HEADINGS = ("symbol", "name", "bars", "last bar", "close")


class Screen(PlainConsole):
    """A console that keeps what it prints: a terminal of a width, or a pipe."""

    def __init__(self, columns: int | None) -> None:
        super().__init__()
        self.file = io.StringIO()
        self._force_terminal = columns is not None
        self.width = columns or 80

    def lines(self) -> list[str]:
        assert isinstance(self.file, io.StringIO)
        return self.file.getvalue().splitlines()


def printed(
    monkeypatch: pytest.MonkeyPatch, columns: int | None, rows: Sequence[tuple[object, ...]] = ROWS
) -> list[str]:
    screen = Screen(columns)
    monkeypatch.setattr(render, "console", screen)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    print_table(HEADINGS, rows)
    return screen.lines()


@pytest.mark.parametrize("columns", [None, 200, 120, 100, 80, 60, 40])
def test_no_value_is_cut_on_any_screen(
    monkeypatch: pytest.MonkeyPatch, columns: int | None
) -> None:
    lines = printed(monkeypatch, columns)
    said = " ".join(" ".join(lines).split())
    for text in ("AAPL.US", "1,234,567", "2026-11-30", "1,234.5678", "0.0001"):
        assert text in said
    assert all(word in said for word in NAME.split())
    assert "…" not in said
    if columns and columns >= 80:
        assert max(map(cell_len, lines)) <= columns
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_pipe_gets_a_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, None)
    assert len(lines) == 3
    assert NAME in lines[1]
    assert [line.index("2026-11-30") for line in lines[1:2]] == [lines[0].index("last bar")]


def test_numbers_stand_to_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 200)
    ends = {lines[0].index("bars") + len("bars"), lines[1].index("1,234,567") + len("1,234,567")}
    assert len(ends) == 1


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5), st.integers(20, 120))
def test_facts_keep_all_their_letters_at_any_width(values: list[str], columns: int) -> None:
    screen = Screen(columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "console", screen)
        print_pairs((f"name {n}", value) for n, value in enumerate(values))
    text = "".join("".join(screen.lines()).split())
    for value in values:
        assert "".join(render.cell_text(value).split()) in text


def test_moments_and_counts_are_written_as_people_do() -> None:
    assert render.cell_text(datetime(2026, 11, 30, 12, 5, 9, tzinfo=UTC)) == "2026-11-30 12:05"
    assert [render.cell_text(value) for value in (None, True, 7_000)] == ["—", "yes", "7,000"]
    assert [counted(n, "history") for n in (0, 1, 2_000)] == [
        "0 histories",
        "1 history",
        "2,000 histories",
    ]
    assert (counted(1, "day"), counted(2, "day")) == ("1 day", "2 days")
