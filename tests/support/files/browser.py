"""A browser without a window, where the machine has one: a page in, its document out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chromium-headless-shell")


def browser() -> str:
    """The path of a browser; without one the test is skipped, in CI it fails."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        missing = "there is no browser (on Debian: apt-get install chromium)"
        (pytest.fail if os.environ.get("NEXUS_REQUIRE_BROWSER") else pytest.skip)(missing)
    return found


def document_of(page: Path, profile: Path, query: str = "") -> str:
    """The document that a page has become after some seconds of its own time.

    The last lines, from `<!--console` on, are what it told the console.
    """
    program = browser()
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr")
    told = subprocess.run(
        [
            *(program, *flags, f"--user-data-dir={profile}", "--virtual-time-budget=5000"),
            *("--dump-dom", page.absolute().as_uri() + query),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in told.stderr.splitlines() if ":CONSOLE:" in line]
    return "\n".join((told.stdout, "<!--console", *console))
