"""Loads all that a command may need, so that a fork of the process that did finds it there."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import suppress

import data_nexus

# These run something when they are loaded, or are loaded by Alembic alone.
_NOT_LOADED = ("__main__", "migrations")
# What commands import at the moment when they need it.
_LATER = ("alembic.command", "exchange_calendars", "pandas")


_FOUND = pkgutil.walk_packages(data_nexus.__path__, "data_nexus.", onerror=lambda _: None)

for _name in (*(each.name for each in _FOUND), *_LATER):
    if not any(part in _NOT_LOADED for part in _name.split(".")):
        with suppress(ImportError):  # an extra that is not installed
            importlib.import_module(_name)
