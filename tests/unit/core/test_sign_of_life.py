"""What takes over a second says what it does: on a screen in its place, elsewhere in lines."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from data_nexus.observe import waiting
from data_nexus.observe.waiting import waiting_display
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
