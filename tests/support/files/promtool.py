"""Prometheus' own tool, where the machine has it."""

from __future__ import annotations

import os
import shutil

import pytest


def promtool() -> str:
    """The path of promtool; without it the test is skipped, in CI it fails."""
    found = shutil.which("promtool")
    if found is None:
        missing = "there is no promtool (on Debian: apt-get install prometheus)"
        (pytest.fail if os.environ.get("NEXUS_REQUIRE_BROWSER") else pytest.skip)(missing)
    return found
