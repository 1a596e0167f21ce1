"""Data Nexus: your own market database, kept complete and true.

import data_nexus as nexus

with nexus.connect() as db:
    table = db.bars(["AAPL.US", "MSFT.US"], start="2015-01-01")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_nexus.app.frames import to_frame
    from data_nexus.app.lake import Lake, lake
    from data_nexus.app.nexus import Nexus, connect, download
    from data_nexus.database.models import (
        Asset,
        Bar,
        Dividend,
        Rebasing,
        Revision,
        Run,
        Split,
        Sync,
    )

__version__ = "0.1.0"
__all__ = [
    "Asset",
    "Bar",
    "Dividend",
    "Lake",
    "Nexus",
    "Rebasing",
    "Revision",
    "Run",
    "Split",
    "Sync",
    "connect",
    "download",
    "lake",
    "to_frame",
]
_MODELS = frozenset({"Asset", "Bar", "Dividend", "Rebasing", "Revision", "Run", "Split", "Sync"})


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the public name is bound to
    """Load a public name on first use, so that what needs little also loads little."""
    if name in _MODELS:
        return getattr(import_module("data_nexus.database.models"), name)
    if name == "to_frame":
        return import_module("data_nexus.app.frames").to_frame
    if name in {"Lake", "lake"}:
        return getattr(import_module("data_nexus.app.lake"), name)
    if name in __all__:
        return getattr(import_module("data_nexus.app.nexus"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
