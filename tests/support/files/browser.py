"""A browser without a window, where the machine has one: a page in, its document out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chromium-headless-shell")


def browser() -> str | None:
    """The path of a browser, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def document_of(page: Path, profile: Path) -> str:
    """The document that a page has become after some seconds of its own time.

    The last lines, from `<!--console` on, are what it told the console.
    """
    program = browser()
    assert program
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr")
    told = subprocess.run(
        [
            *(program, *flags, f"--user-data-dir={profile}", "--virtual-time-budget=5000"),
            *("--dump-dom", page.absolute().as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in told.stderr.splitlines() if ":CONSOLE:" in line]
    return "\n".join((told.stdout, "<!--console", *console))
