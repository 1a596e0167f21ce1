"""Change rows of a tape: to the sessions held, and to what the vendor shows before all is settled.

Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from data_nexus.sandbox.market.calendar import DAY, Departures
from data_nexus.sandbox.market.moment import Mask, Moment
from data_nexus.sandbox.market.tape import FIELDS, RAW, Bars, Floats, Tape

# How far the early close is from the final one, and how much of the volume is counted by then.
PARTIAL, PARTIAL_VOLUME = 0.985, 0.35
EVENING, EVENING_VOLUME = 1.004, 0.9
DOUBLED, OTHERWISE, DOUBLED_VOLUME = 1e-6, 1.02, 0.97
EXTRA_STEP = 1.003  # from the close before an extra session to its own
LEAST_STEP = 0.01


def held_sessions(tape: Tape, departures: Departures) -> Tape:
    """The tape of the sessions that the exchange holds: more rows on some days, none on others."""
    for day in sorted(departures.extra):
        tape = _with_session(tape, np.datetime64(day, "D"))
    if departures.closures:
        return _picked(tape, ~departures.shut(tape.date))
    return tape


def early_values(tape: Tape, moment: Moment) -> Tape:
    """The tape with the values of its newest rows that the vendor shows first."""
    if not (moment.behaviours and len(tape.date)):
        return tape
    running = tape.date > np.datetime64(moment.through, "D")
    tape = _with_other_close(tape, running, PARTIAL)
    tape = _with_other_close(tape, moment.young("provisional", tape.date) & ~running, EVENING)
    uncounted = moment.young("unsettled-volume", tape.date) & ~running
    counted = np.where(running, PARTIAL_VOLUME, np.where(uncounted, EVENING_VOLUME, 1.0))
    return replace(tape, volume=np.where(counted < 1, np.floor(tape.volume * counted), tape.volume))


def doubled(bars: Bars, moment: Moment) -> Bars:
    """The newest row as the vendor sends it a second time; no row where it does not."""
    newest = bars.take(slice(-1, None))
    otherwise = moment.young("doubled-otherwise", newest.date)
    twice = np.flatnonzero(otherwise | moment.young("doubled", newest.date))
    columns = {
        name: np.where(otherwise, _moved(value, OTHERWISE), np.round(value + DOUBLED, 6))
        for name in FIELDS
        for value in [getattr(newest, name)]
    }
    columns["volume"] = np.floor(newest.volume * DOUBLED_VOLUME)
    return Bars(date=newest.date, **columns).take(twice)


def _with_other_close(tape: Tape, rows: Mask, factor: float) -> Tape:
    """The tape with another close in some rows, and a high, a low and adjusted closes around it."""
    if not rows.any():
        return tape
    close = np.where(rows, _moved(tape.close, factor), tape.close)
    high = np.maximum(np.maximum(_moved(tape.high, factor), tape.open), close)
    low = np.minimum(np.minimum(_moved(tape.low, factor), tape.open), close)
    given = tape.adjusted_close
    return replace(
        tape,
        close=close,
        high=np.where(rows, high, tape.high),
        low=np.where(rows, low, tape.low),
        adjusted_close=None if given is None else np.where(rows, _moved(given, factor), given),
    )


def _moved(prices: Floats, factor: float) -> Floats:
    """Other prices by a factor, and by a cent where that would not show."""
    moved = np.round(prices * factor, 4)
    return np.where(moved == prices, np.round(prices + LEAST_STEP, 4), moved)


def _with_session(tape: Tape, day: np.datetime64) -> Tape:
    """The tape with one more row, on a day between its first and its last."""
    at = int(np.searchsorted(tape.date, day))
    if not 0 < at < len(tape.date) or tape.date[at] == day:
        return tape
    before = tape.rows(slice(at - 1, at))
    close = _moved(before.close, EXTRA_STEP)
    row = replace(
        before,
        date=np.array([day], dtype=DAY),
        open=before.close,
        high=np.maximum(before.close, close),
        low=np.minimum(before.close, close),
        close=close,
        volume=np.floor(before.volume / 2),
        adjusted_close=None
        if before.adjusted_close is None
        else _moved(before.adjusted_close, EXTRA_STEP),
    )
    return _joined(tape, row, at)


def _joined(tape: Tape, row: Tape, at: int) -> Tape:
    columns: dict[str, Any] = {
        name: np.insert(getattr(tape, name), at, getattr(row, name)[0]) for name in ("date", *RAW)
    }
    given, own = tape.adjusted_close, row.adjusted_close
    if given is None or own is None:
        return replace(tape, **columns)
    return replace(tape, **columns, adjusted_close=np.insert(given, at, own[0]))


def _picked(tape: Tape, rows: Mask) -> Tape:
    columns: dict[str, Any] = {name: getattr(tape, name)[rows] for name in ("date", *RAW)}
    given = tape.adjusted_close
    return replace(tape, **columns, adjusted_close=None if given is None else given[rows])
