"""Gives tests a browser, one for all of them; each tab has cookies of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.files.chromium import Tab, chromium


@pytest.fixture(scope="session")
def open_tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Tab]]:
    with chromium(tmp_path_factory.mktemp("browser")) as opened:
        yield opened
