"""Owns the form in which a calendar is kept from one run to the next. Pure.

To ask the library takes a second and 100 MB, most of it for pandas. What it answers for an
exchange is some 50 kB.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from datetime import date, timedelta
from typing import Protocol

import numpy as np

from data_nexus.domain.calendar.sessions import Hours, Sessions
from data_nexus.domain.window import Window

# What a damaged content raises when it is read.
_DAMAGES = (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error)


class CalendarCache(Protocol):
    """Where contents are kept by name; losing one of them costs time and nothing else."""

    def get(self, name: str) -> bytes | None:
        """Return the content of a name, None if there is none."""

    def put(self, name: str, content: bytes) -> None:
        """Keep the content of a name, if that is possible."""


def packed(sessions: Sessions, usual: Hours) -> bytes:
    """Return sessions and the hours of an ordinary one as the content of a shelf."""
    told = {
        "first": sessions.exact.first.isoformat(),
        "last": sessions.exact.last.isoformat(),
        "zone": usual.zone,
        "close_sec": usual.close.total_seconds(),
        "week": usual.week,
    }
    content = io.BytesIO()
    np.savez_compressed(
        content, days=sessions.days, closes=sessions.closes, told=np.array(json.dumps(told))
    )
    return content.getvalue()


def unpacked(content: bytes | None) -> tuple[Sessions, Hours] | None:
    """Return what was packed; None if there is nothing, or if it is damaged."""
    if content is None:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            told = json.loads(str(kept["told"]))
            exact = Window(date.fromisoformat(told["first"]), date.fromisoformat(told["last"]))
            usual = Hours(
                zone=told["zone"], close=timedelta(seconds=told["close_sec"]), week=told["week"]
            )
            return Sessions(kept["days"], kept["closes"], exact), usual
    except _DAMAGES:
        return None
