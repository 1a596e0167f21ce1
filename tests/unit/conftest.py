"""Gives the unit tests' searches for counterexamples as many examples as a busy machine bears.

And one shelf for the calendars of a run, so that each is computed by one of its processes only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from data_nexus.app.calendar_files import CalendarFiles
from data_nexus.domain.calendar import exchanges as calendars
from data_nexus.domain.calendar.exchanges import keep_calendars
from tests.support.campaign import sized

settings.register_profile("unit", max_examples=sized(60, 150), deadline=None)
settings.load_profile("unit")


@pytest.fixture(scope="session", autouse=True)
def calendars_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was computed before this run, perhaps of other code, is not there."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    before = calendars._calendar_cache  # noqa: SLF001 - put back at the end
    keep_calendars(CalendarFiles(folder / "calendars"))
    yield
    calendars._calendar_cache = before  # noqa: SLF001
