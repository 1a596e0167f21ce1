"""Encode and decode a calendar, to cache it from one run to the next. Pure.

Computing it with the library takes a second and 100 MB, most of it for pandas. The result for an
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
from data_nexus.domain.calendar.window import Window

# What reading damaged content raises.
_DAMAGES = (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error)


class CalendarCache(Protocol):
    """Stores contents by name; a lost one costs time and nothing else."""

    def get(self, name: str) -> bytes | None:
        """Return the content of a name, None if there is none."""

    def put(self, name: str, content: bytes) -> None:
        """Store the content of a name, if possible."""


def encode_calendar(sessions: Sessions, usual: Hours) -> bytes:
    """Encode sessions and the hours of an ordinary one for the cache."""
    header = {
        "first": sessions.exact.first.isoformat(),
        "last": sessions.exact.last.isoformat(),
        "zone": usual.zone,
        "close_sec": usual.close.total_seconds(),
        "week": usual.week,
    }
    content = io.BytesIO()
    np.savez_compressed(
        content, days=sessions.days, closes=sessions.closes, header=np.array(json.dumps(header))
    )
    return content.getvalue()


def decode_calendar(content: bytes | None) -> tuple[Sessions, Hours] | None:
    """Decode what `encode_calendar` returned; None if there is nothing, or if it is damaged."""
    if content is None:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            header = json.loads(str(kept["header"]))
            exact = Window(date.fromisoformat(header["first"]), date.fromisoformat(header["last"]))
            usual = Hours(
                zone=header["zone"],
                close=timedelta(seconds=header["close_sec"]),
                week=header["week"],
            )
            return Sessions(kept["days"], kept["closes"], exact), usual
    except _DAMAGES:
        return None
