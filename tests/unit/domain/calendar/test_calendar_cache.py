"""Cached calendars: the same answers without the library, and no trust in damaged files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from data_nexus.app.calendar_files import CalendarFiles
from data_nexus.domain.calendar import exchanges as calendars
from data_nexus.domain.calendar.cache import decode_calendar
from data_nexus.domain.calendar.exchanges import keep_calendars, sessions_of
from data_nexus.domain.calendar.sessions import Sessions

DAY = date(2026, 6, 1)
ASK = """
import sys
from datetime import date
from pathlib import Path
from data_nexus.app.calendar_files import CalendarFiles
from data_nexus.domain.calendar.exchanges import keep_calendars, sessions_of

keep_calendars(CalendarFiles(Path(sys.argv[1])))
print(len(sessions_of("LSE", date(2026, 6, 1))), "pandas" in sys.modules)
"""


@pytest.fixture
def cache_folder(tmp_path: Path) -> Iterator[CalendarFiles]:
    """A cache folder in use, and nothing else that has a calendar."""
    files = CalendarFiles(tmp_path / "calendars")
    before = calendars._calendar_cache  # noqa: SLF001 - put back at the end
    keep_calendars(files)
    forget()
    yield files
    calendars._calendar_cache = before  # noqa: SLF001
    forget()


def forget() -> None:
    for cache in (calendars._from_library, calendars._with_tail):  # noqa: SLF001
        cache.cache_clear()


def kept(cache_folder: CalendarFiles) -> Path:
    (file,) = cache_folder.folder.iterdir()
    return file


def same(one: Sessions, other: Sessions) -> bool:
    return (
        np.array_equal(one.days, other.days)
        and np.array_equal(one.closes, other.closes)
        and (one.days.dtype, one.closes.dtype) == (other.days.dtype, other.closes.dtype)
        and one.exact == other.exact
    )


@pytest.mark.parametrize("exchange", ["US", "LSE", "SHG"])
def test_what_is_kept_is_what_was_computed(cache_folder: CalendarFiles, exchange: str) -> None:
    computed = sessions_of(exchange, DAY)
    forget()
    assert same(sessions_of(exchange, DAY), computed)
    assert decode_calendar(kept(cache_folder).read_bytes()) is not None


def test_a_cached_calendar_needs_no_library(tmp_path: Path) -> None:
    def ask() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", ASK, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    sessions, used = ask()
    assert used == "True"
    assert ask() == [sessions, "False"]


@pytest.mark.parametrize("damage", ["cut", "turned", "empty", "other"])
def test_a_damaged_file_is_computed_and_written_again(
    cache_folder: CalendarFiles, damage: str
) -> None:
    computed, content = sessions_of("US", DAY), kept(cache_folder).read_bytes()
    middle = len(content) // 2
    kept(cache_folder).write_bytes(
        {
            "cut": content[:middle],
            "turned": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
            "other": b"nothing like a calendar",
        }[damage]
    )
    forget()
    assert same(sessions_of("US", DAY), computed)
    assert kept(cache_folder).read_bytes() != b""
    assert decode_calendar(kept(cache_folder).read_bytes()) is not None


def test_a_folder_that_cannot_be_used_costs_time_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    files = CalendarFiles(tmp_path / "file")
    files.put("name", b"content")
    assert files.get("name") is None
