"""View a tape as the vendor serves it at a moment: what is out, what is late or wrong yet. Pure.

The tape is what traded. A `Moment` says how far the exchange is published and how the vendor
behaves with the asset; the same tape viewed with `settled` behaviours is the final truth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from data_nexus.sandbox.market.calendar import DAY, Days
from data_nexus.sandbox.market.moment import Mask, Moment
from data_nexus.sandbox.market.tape import (
    FIELDS,
    Bars,
    Dividend,
    Floats,
    Split,
    Tape,
    repriced,
    served_bars,
    split_factor_after,
)
from data_nexus.sandbox.market.unsettled import doubled, early_values, held_sessions

Action = TypeVar("Action", Split, Dividend)
WITHDRAWN_SHARE = 0.1  # of the bars of an asset whose bars are withdrawn


@dataclass(slots=True)
class Amendments:
    """What the control port added to a symbol; `edition` rises with every change."""

    splits: list[Split] = field(default_factory=list)
    dividends: list[Dividend] = field(default_factory=list)
    restated: dict[dt.date, dict[str, float]] = field(default_factory=dict)
    factors: list[tuple[dt.date, float]] = field(default_factory=list)
    held: dict[dt.date, dt.date] = field(default_factory=dict)
    withdrawn: set[tuple[str, dt.date]] = field(default_factory=set)
    edition: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """What the vendor serves of one symbol: bars, and the actions known and reported.

    `doubled` is the newest bar once more, where the vendor sends it twice.
    """

    bars: Bars
    doubled: Bars
    splits: tuple[Split, ...]
    dividends: tuple[tuple[Dividend, float], ...]  # each with its split-adjusted value

    @property
    def sent(self) -> Bars:
        """The bars as `eod` sends them, the doubled one included."""
        return self.bars.and_then(self.doubled) if len(self.doubled) else self.bars


def history_at(tape: Tape, amended: Amendments, moment: Moment) -> History:
    """What the vendor serves of the tape at the moment."""
    tape = _known(repriced(held_sessions(tape, moment.departures), amended.splits), moment)
    splits = _out((*tape.splits, *amended.splits), amended, moment)
    dividends = _out((*tape.dividends, *amended.dividends), amended, moment)
    worked, paid = worked_in(splits, moment), worked_in(dividends, moment)
    followed = worked
    if tape.adjusted_close is not None:  # which follows the tape's own actions already
        worked = worked_in(_out(tuple(amended.splits), amended, moment), moment)
        paid = worked_in(_out(tuple(amended.dividends), amended, moment), moment)
        followed = (*tape.splits, *worked)
    served = served_bars(early_values(tape, moment), worked, paid)
    bars = _without(_amended(served, amended), amended, moment)
    return History(
        bars,
        doubled(bars, moment),
        tuple(split for split in splits if split.reported),
        tuple((each, _value(each, followed, worked)) for each in dividends if each.reported),
    )


def worked_in(actions: tuple[Action, ...], moment: Moment) -> tuple[Action, ...]:
    """The actions that the vendor has worked into the history, of those that it knows."""
    if not moment.behaviours:
        return actions
    return tuple(
        each
        for each in actions
        if not moment.is_young("late-rebasing", each.date)
        and not moment.concerns("unadjusted", each.date)
    )


def is_out(action: Split | Dividend, amended: Amendments, moment: Moment) -> bool:
    """Whether the vendor knows the action at the moment, and has not withdrawn it."""
    if action.date > moment.through:
        return False
    if not (moment.behaviours or amended.withdrawn):
        return True
    return (
        (action.kind, action.date) not in amended.withdrawn
        and not moment.is_young("late-actions", action.date)
        and not moment.is_old("withdrawn-actions", action.date)
    )


def _out(actions: tuple[Action, ...], amended: Amendments, moment: Moment) -> tuple[Action, ...]:
    """The actions that the vendor knows, oldest first."""
    known = (each for each in actions if is_out(each, amended, moment))
    return tuple(sorted(known, key=lambda each: each.date))


def _known(tape: Tape, moment: Moment) -> Tape:
    """The rows up to the moment, the running session's included if it is shown; its actions."""
    newest = moment.through
    if moment.running and moment.concerns("partial", moment.running):
        newest = moment.running
    known = replace(
        tape,
        splits=tuple(each for each in tape.splits if each.date <= moment.through),
        dividends=tuple(each for each in tape.dividends if each.date <= moment.through),
    )
    end = np.searchsorted(tape.date, np.datetime64(newest, "D"), side="right")
    return known.rows(slice(int(end)))


def _amended(bars: Bars, amended: Amendments) -> Bars:
    """The bars with what the control port restated and scaled."""
    if not (amended.restated or amended.factors):
        return bars
    columns = {name: getattr(bars, name).copy() for name in FIELDS}
    for day, values in amended.restated.items():
        rows = bars.date == np.datetime64(day, "D")
        if "close" in values and "adjusted_close" not in values:
            factor = columns["adjusted_close"][rows] / columns["close"][rows]
            columns["adjusted_close"][rows] = np.round(values["close"] * factor, 4)
        for name, value in values.items():
            columns[name][rows] = value
    for day, factor in amended.factors:
        before = bars.date < np.datetime64(day, "D")
        adjusted: Floats = columns["adjusted_close"]
        columns["adjusted_close"] = np.where(before, np.round(adjusted * factor, 4), adjusted)
    return Bars(date=bars.date, **columns)


def _without(bars: Bars, amended: Amendments, moment: Moment) -> Bars:
    """The bars that are neither late nor withdrawn."""
    gone = [day for kind, day in amended.withdrawn if kind == "bar"]
    if not moment.is_settled:
        gone += [day for day, until in amended.held.items() if moment.through < until]
    if not (gone or moment.behaviours):
        return bars
    absent = np.isin(bars.date, np.array(sorted(gone), dtype=DAY))
    absent |= moment.young("late", bars.date)
    absent |= moment.old("withdrawn-bars", bars.date) & _drawn(bars.date, moment.number)
    return bars.take(np.flatnonzero(~absent))


def _drawn(days: Days, number: int) -> Mask:
    """The same days for the same number, whatever other days there are."""
    mixed = (days.astype(np.int64).astype(np.uint64) + np.uint64(number)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    return np.asarray((mixed >> np.uint64(32)) < int(WITHDRAWN_SHARE * (1 << 32)))


def _value(dividend: Dividend, splits: Iterable[Split], posted: Iterable[Split]) -> float:
    if dividend.stated is not None:
        return dividend.stated * split_factor_after(dividend.date, posted)
    return round(dividend.unadjusted * split_factor_after(dividend.date, splits), 6)
