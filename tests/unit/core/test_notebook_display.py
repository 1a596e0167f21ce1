"""An output of a notebook's cell: drawn again in its place, and empty at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from data_nexus.events import RunStarted, ignore
from data_nexus.observe.notebook import notebook_display, redrawn_output
from data_nexus.observe.progress import call_progress
from data_nexus.observe.waiting import FRAMES_A_SEC
from tests.support.postgres.tables import eventually

NOTHING = {"text/plain": "", "text/html": ""}


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
        time.sleep(3 / FRAMES_A_SEC)
        text[0] = "drawing"
        eventually(lambda: len(cell.drawn) > 1)
    assert cell.drawn == [{"text/plain": "reading"}, {"text/plain": "drawing"}, NOTHING]


def test_outside_of_a_notebook_progress_is_shown_only_if_asked() -> None:
    assert notebook_display() is None
    for progress in (None, False):
        with call_progress(progress=progress) as observe:
            assert observe is ignore
    with call_progress(progress=True) as observe:
        observe(RunStarted("backfill", 2))
