"""Show stored bars: adjusted, cut to a window, laid out. Pure.

Every function takes tables as they are stored (`STORED_SCHEMA`, `ACTIONS_SCHEMA`) and returns a new
one, wherever the tables come from. The same bar has the same value in every window: factors count
from the asset's last bar (backward) or from its first one (forward), shown or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypedDict, Unpack, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from data_nexus.domain.adjustment.factors import Factors, Finding, VolumeBasis, volume_basis
from data_nexus.domain.bars import Days, Floats, days
from data_nexus.domain.calendar.intervals import parse_interval
from data_nexus.domain.dates import GivenDate, given_day
from data_nexus.errors import AdjustmentRefused, UsageError
from data_nexus.research.columns import (
    BARS_SCHEMA,
    NUMBERS,
    PRICES,
    STORED_SCHEMA,
    VIEW_SCHEMA,
    VOLUME_BASIS,
)
from data_nexus.research.histories import day_numbers, histories, needed, refuse, segments

Adjust = Literal["raw", "splits", "total", "vendor"]
Direction = Literal["backward", "forward"]
Layout = Literal["long", "wide"]
# How the sessions of an interval become one value; other columns keep the last session's.
_MERGED: dict[str, Callable[[Floats, NDArray[np.intp]], Floats]] = {
    "open": lambda values, begins: values[begins],
    "high": np.maximum.reduceat,
    "low": np.minimum.reduceat,
    "volume": np.add.reduceat,
}
# Raw prices need no action, but raw volumes are those before splits.
_KINDS = {
    "raw": ("split",),
    "splits": ("split",),
    "total": ("split", "dividend"),
    "vendor": (),
}


class ViewChoices(TypedDict, total=False):
    """What a view leaves to choose beside its dates; the fields are those of `View`."""

    adjust: Adjust
    direction: Direction
    columns: Sequence[str] | None
    layout: Layout
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How stored bars are shown; `first` and `last` are included, None is no limit.

    Raises `UsageError` for an unknown word.
    """

    adjust: Adjust = "raw"
    direction: Direction = "backward"
    first: date | None = None
    last: date | None = None
    columns: Sequence[str] | None = None
    layout: Layout = "long"
    interval: str = "1d"

    def __post_init__(self) -> None:
        for name, known in (("adjust", Adjust), ("direction", Direction), ("layout", Layout)):
            _require_one_of(name, [getattr(self, name)], get_args(known))
        _require_one_of("columns", self.columns or (), VIEW_SCHEMA.names)
        parse_interval(self.interval)

    @classmethod
    def of(
        cls,
        start: GivenDate | None,
        end: GivenDate | None,
        **choices: Unpack[ViewChoices],
    ) -> View:
        """Return the view from `start` to `end`, as `given_day` reads them, both included."""
        return cls(first=given_day(start), last=given_day(end), **choices)

    @property
    def is_daily(self) -> bool:
        """Whether each bar is one session."""
        return parse_interval(self.interval).is_daily

    @property
    def reads_from(self) -> date | None:
        """From which date bars are needed, so that the first interval shown is whole."""
        return parse_interval(self.interval).begin(self.first)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of actions that the view depends on."""
        return ("split",) if self.adjust == "vendor" and self.shows_basis else _KINDS[self.adjust]

    @property
    def shows_basis(self) -> bool:
        """Whether it shows the unit of volumes."""
        return VOLUME_BASIS.name in (self.columns or ())


def whole_histories(actions: pa.Table, view: View) -> set[int]:
    """Return the assets whose whole history a view needs, however short its window is.

    A factor of one day depends on closes of other days, and the unit of volumes on the bars around
    all splits.
    """
    return set(_of_kinds(actions, view)["asset_id"].to_pylist())


def view_bars(stored: pa.Table, actions: pa.Table, view: View) -> pa.Table:
    """Return stored bars (`STORED_SCHEMA`) as a view shows them.

    `stored` holds all bars of the assets of `whole_histories`, and of the others at least those of
    the window; forward, the vendor's view needs the first bar of each. `actions` are all that are
    known of these assets. Open, high, low and close are adjusted, `adjusted_close` stays as sent.
    Volumes are scaled only where the asset's splits prove their unit: *raw* has
    shares as traded, *splits* and *total* those of the last bar (forward: of the first),
    *vendor* what was sent. Raises `AdjustmentRefused` where an action that the shown bars need
    cannot be applied, and for numbers beyond a double.
    """
    dates = day_numbers(stored)
    shown = _within(dates, view)
    columns = dict(zip(stored.column_names, stored.columns, strict=True))
    if view.adjust == "vendor":
        changed = _as_vendor(stored, view, shown)
    else:
        changed = _by_actions(stored, dates, actions, view, shown)
    table = pa.table(columns | changed, schema=STORED_SCHEMA)
    if view.shows_basis:
        table = table.append_column(VOLUME_BASIS, _counted_in(stored, actions))
    table = table if shown.all() else table.filter(shown)
    _refuse_infinite(table, changed)
    return laid_out(table if view.is_daily else in_intervals(table, view), view)


def in_intervals(table: pa.Table, view: View) -> pa.Table:
    """Return bars of sessions as bars of the view's interval, each under its last session.

    Open is the first one, high and low the extremes, volume the sum, all else of the last session.
    The first interval is whole, the last one ends with the view or with the history.
    """
    interval, dates = parse_interval(view.interval), day_numbers(table)
    if not len(dates):
        return table
    begins = np.concatenate(
        [rows.start + interval.begins(dates[rows]) for _, rows in segments(table)]
    )
    merged = table.take(pa.array(np.append(begins[1:], len(dates)) - 1))
    for name, merge in _MERGED.items():
        values = merge(table[name].to_numpy(), begins)
        merged = merged.set_column(merged.schema.get_field_index(name), name, pa.array(values))
    return merged.filter(pa.array(day_numbers(merged) >= days(view.first or date.min)))


def laid_out(table: pa.Table, view: View, default: Sequence[str] = NUMBERS) -> pa.Table:
    """Return the chosen columns, long (ticker, date, …) or wide (date, and a column a ticker).

    Wide, a column is called by its ticker, or where several columns are chosen by ticker and
    column (`AAPL.US close`); where an asset has no bar it is null.
    """
    chosen = [name for name in view.columns or default if name not in ("ticker", "date")]
    if view.layout == "long":
        return table.select([*BARS_SCHEMA.names[:2], *chosen])
    if odd := next((name for name in ("asset_id", VOLUME_BASIS.name) if name in chosen), None):
        raise UsageError(f"layout='wide' has no column for {odd}; choose numeric columns")
    days_shown, at = np.unique(table["date"].to_numpy(), return_inverse=True)
    wide = {"date": pa.array(days_shown, pa.date32())}
    for ticker, rows in _tickers(table):
        for name in chosen:
            label = ticker if len(chosen) == 1 else f"{ticker} {name}"
            wide[label] = _spread(table[name][rows.start : rows.stop], at[rows], len(days_shown))
    return pa.table(wide)


def price_scale(computed: Factors, view: View) -> Floats:
    """Return what an asset's prices are multiplied by in a view by actions."""
    scale = computed.total if view.adjust == "total" else computed.splits
    return scale / scale[0] if view.direction == "forward" else scale


def _by_actions(
    stored: pa.Table, dates: Days, actions: pa.Table, view: View, shown: NDArray[np.bool_]
) -> dict[str, pa.Array]:
    """Return the columns that actions change: prices unless raw, and volume."""
    prices, volumes = np.ones(len(dates)), np.ones(len(dates))
    refused: list[tuple[str, Finding]] = []
    for history in histories(stored, _of_kinds(actions, view)):
        rows, computed = history.rows, history.factors()
        scale = computed.splits
        if view.adjust != "raw":
            bounds = _reach(history.bars.date, shown[rows], view)
            lacking = needed(computed.findings, view.adjust)
            refused += [(history.ticker, each) for each in lacking if _lies(each.date, bounds)]
            prices[rows] = price_scale(computed, view)
        if history.splits:
            basis = volume_basis(history.bars, history.splits)
            volumes[rows] = _volume_scale(basis, scale, view)
    refuse(refused, view.adjust)
    scaled = dict.fromkeys(PRICES, prices) | {"volume": volumes}
    return {
        name: _times(stored[name].to_numpy(), factor)
        for name, factor in scaled.items()
        if (factor != 1).any()
    }


def _times(numbers: Floats, factor: Floats) -> pa.Array:
    """Return numbers times factors; `_refuse_infinite` judges those that are shown."""
    with np.errstate(over="ignore", invalid="ignore"):
        return pa.array(numbers * factor)


def _refuse_infinite(table: pa.Table, changed: Iterable[str]) -> None:
    """Raise `AdjustmentRefused` for an adjusted number beyond a double."""
    for name in changed:
        is_held = np.isfinite(table[name].to_numpy())
        if not is_held.all():
            tickers = sorted({*table["ticker"].filter(pa.array(~is_held)).to_pylist()})
            raise AdjustmentRefused(
                f"{tickers[0]}: the adjusted {name} is too large for a number of 64 bits; use"
                " adjust='raw', and look at the stored bars",
                tuple(tickers),
            )


def _of_kinds(actions: pa.Table, view: View) -> pa.Table:
    kinds = pa.array(view.kinds, pa.string())
    return actions.filter(compute.is_in(actions["kind"], value_set=kinds))


def _volume_scale(basis: VolumeBasis, splits: Floats, view: View) -> Floats | float:
    """Return what volumes are multiplied by; 1 where their unit is not proven."""
    if basis is VolumeBasis.UNKNOWN:
        return 1.0
    traded = splits if basis is VolumeBasis.SPLIT_ADJUSTED else np.ones(len(splits))
    if view.adjust == "raw":
        return traded
    return traded / (splits / splits[0] if view.direction == "forward" else splits)


def _counted_in(stored: pa.Table, actions: pa.Table) -> pa.DictionaryArray:
    """Return for each bar the unit of the asset's volumes; null where nothing was split."""
    words = [*VolumeBasis]
    codes = np.full(len(stored), -1, np.int8)
    splits = actions.filter(compute.equal(actions["kind"], "split"))
    for history in histories(stored, splits):
        codes[history.rows] = words.index(volume_basis(history.bars, history.splits))
    indices = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array([*map(str, words)]))


def _as_vendor(stored: pa.Table, view: View, shown: NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Return prices by the vendor's own factors, which are those of `adjusted_close`."""
    close, adjusted = stored["close"].to_numpy(), stored["adjusted_close"].to_numpy()
    _refuse_unpriced(stored, (close <= 0) & (adjusted != close) & shown)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.where(close != 0, adjusted / close, 1.0)
    forward = np.ones(len(close))
    if view.direction == "forward":
        for _, rows in segments(stored):
            forward[rows] = 1 / scale[rows.start] if scale[rows.start] > 0 else 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        factor = scale * forward
    columns = {name: _times(stored[name].to_numpy(), factor) for name in PRICES[:3]}
    return columns | {"close": _times(adjusted, forward)}


def _refuse_unpriced(stored: pa.Table, is_odd: NDArray[np.bool_]) -> None:
    """Raise `AdjustmentRefused` for a close of zero or below that the vendor has adjusted."""
    if not is_odd.any():
        return
    odd = stored.filter(pa.array(is_odd))
    named = odd.slice(0, 1).to_pylist()[0]
    raise AdjustmentRefused(
        f"adjust='vendor' cannot be computed: {named['ticker']}, {named['date']}: a close of"
        f" {named['close']:g} with an adjusted close of {named['adjusted_close']:g}; use"
        " adjust='raw'",
        tuple(sorted({*odd["ticker"].to_pylist()})),
    )


def _within(dates: Days, view: View) -> NDArray[np.bool_]:
    shown = np.ones(len(dates), np.bool_)
    if view.reads_from is not None:
        shown &= dates >= days(view.reads_from)
    if view.last is not None:
        shown &= dates <= days(view.last)
    return shown


def _reach(dates: Days, shown: NDArray[np.bool_], view: View) -> tuple[int, int]:
    """Return after which day, and up to which, an ex-date affects the shown bars of an asset.

    Backward, an action scales the bars before it; forward, those from it on.
    """
    days_shown = dates[shown]
    if not len(days_shown):
        return 0, -1
    if view.direction == "forward":
        return int(dates[0]), int(days_shown[-1])
    return int(days_shown[0]), int(dates[-1])


def _lies(day: date, bounds: tuple[int, int]) -> bool:
    return bounds[0] < days(day) <= bounds[1]


def _tickers(table: pa.Table) -> Iterator[tuple[str, slice]]:
    seen: set[str] = set()
    for _, rows in segments(table):
        ticker = table["ticker"][rows.start].as_py()
        if ticker in seen:
            raise UsageError(
                f"two assets have the symbol {ticker}; read layout='long' with the column asset_id"
            )
        seen.add(ticker)
        yield ticker, rows


def _spread(column: pa.ChunkedArray, at: NDArray[np.intp], length: int) -> pa.Array:
    values, is_missing = np.zeros(length), np.ones(length, np.bool_)
    values[at], is_missing[at] = column.to_numpy(), column.is_null().to_numpy()
    return pa.array(values, mask=is_missing)


def _require_one_of(name: str, words: Sequence[str], known: Sequence[str]) -> None:
    if isinstance(words, str) or (unknown := [word for word in words if word not in known]):
        odd = words if isinstance(words, str) else unknown[0]
        raise UsageError(f"{name}: {odd!r} is unknown; choose from {', '.join(known)}")
