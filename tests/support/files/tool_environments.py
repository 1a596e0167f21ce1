"""The environments of tools that hold packages at other versions than ours."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.support.source import ROOT

# `make test` builds them, one a tool: `zipline/bin/python` and so on.
TOOLS = ROOT / ".venv-tools"


def python_with(tool: str, module: str) -> str:
    """The Python that has a tool: this one, or that of the tool's environment; or skip."""
    if importlib.util.find_spec(module):
        return sys.executable
    place = TOOLS / tool
    if not (place / "pinned").exists():
        pytest.skip(f"{tool} is not in .venv-tools, where `make test` installs it")
    if not [*place.glob(f"lib/python*/site-packages/{module}")]:
        pytest.skip(f"{tool} has no wheel for this machine's Python")
    return str(place / "bin" / "python")
