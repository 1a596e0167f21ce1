"""What takes over a second says what it does: redrawn on a screen or in a cell, else in lines."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from data_nexus.events import RunStarted, ignore
from data_nexus.observe import waiting
from data_nexus.observe.notebook import notebook_display, redrawn_output
from data_nexus.observe.progress import call_progress
from data_nexus.observe.waiting import waiting_display
from tests.support.postgres.tables import eventually
from tests.support.programs.pages import page_of


def shown(seconds: float, *, is_terminal: bool = True, term: str = "xterm") -> str:
    """All that a console writes during a wait."""
    page = io.StringIO()
    console = Console(file=page, force_terminal=is_terminal, width=40, _environ={"TERM": term})
    with waiting_display(console, "reading") as change:
        time.sleep(seconds)
        change("drawing")
    return page.getvalue()


def test_a_short_wait_shows_nothing() -> None:
    assert shown(0.05) == ""


def test_a_longer_wait_is_shown_in_its_place_and_gone_at_the_end() -> None:
    written = shown(waiting.AFTER_SEC + 0.3)
    assert "reading (1 s)" in written
    page = page_of(written.replace("\n", "\r\n").encode())
    assert ("".join(page.lines), page.column) == ("", 0)


@pytest.mark.parametrize(("is_terminal", "lines"), [(True, ["reading (1 s)"]), (False, [])])
def test_where_nothing_can_be_redrawn_a_terminal_gets_a_line_and_a_pipe_none_within_a_minute(
    lines: list[str], *, is_terminal: bool
) -> None:
    written = shown(waiting.AFTER_SEC + 0.3, is_terminal=is_terminal, term="dumb")
    assert written.splitlines() == lines


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with one output, as IPython's `display` and its handle write it."""

    drawn: list[Mapping[str, str]] = field(default_factory=list)

    def display(self, shown: Mapping[str, str], *, raw: bool, display_id: bool) -> Cell:
        assert raw
        assert display_id
        assert not self.drawn, "one output"
        self.drawn.append(shown)
        return self

    def update(self, shown: Mapping[str, str], *, raw: bool) -> None:
        assert raw
        self.drawn.append(shown)


def test_what_is_over_within_a_second_draws_nothing() -> None:
    cell = Cell()
    with redrawn_output(cell.display, lambda: {"text/plain": "reading"}):
        pass
    assert cell.drawn == []


def test_an_output_is_drawn_when_it_changes_and_empty_at_the_end() -> None:
    cell, text = Cell(), ["reading"]
    with redrawn_output(cell.display, lambda: {"text/plain": text[0]}):
        eventually(lambda: cell.drawn)
        time.sleep(3 / waiting.FRAMES_A_SEC)
        text[0] = "drawing"
        eventually(lambda: len(cell.drawn) > 1)
    assert cell.drawn == [
        {"text/plain": "reading"},
        {"text/plain": "drawing"},
        {"text/plain": "", "text/html": ""},
    ]


def test_outside_of_a_notebook_progress_is_shown_only_if_asked() -> None:
    assert notebook_display() is None
    for progress in (None, False):
        with call_progress(progress=progress) as observe:
            assert observe is ignore
    with call_progress(progress=True) as observe:
        observe(RunStarted("backfill", 2))
