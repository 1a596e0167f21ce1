"""Write LEAN's format of daily equities: zipped bars, factor files, map files.

Source: LEAN's documentation of its data format and the files in its repository. A zip holds the
bars of a *ticker*, of all assets that had it; a map file lists until when an asset had which
ticker, under its latest one; a factor file holds the factors of raw prices through each date.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from data_nexus.domain.bars import Bars, Floats, days
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.errors import UsageError
from data_nexus.research.exports.alterations import altered, refuse_unpriced
from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.series import AssetSeries, CodePeriod, ExportRequest
from data_nexus.research.exports.target import ExportFolder

# LEAN's names of the vendor's exchanges that it knows; others keep the vendor's code.
MARKETS = {"US": "usa", "NSE": "india"}
# The letters of the consolidated tape, by the vendor's venues.
LETTERS = {"NASDAQ": "Q", "NYSE": "N", "NYSE ARCA": "P", "NYSE MKT": "A", "AMEX": "A", "BATS": "Z"}
FOREVER = date(2050, 12, 31)
_ONE_DAY = timedelta(days=1)
_DECI_CENTS = 10_000
_DIGITS = 12
# LEAN reads a number as a whole one of 64 bits and a place of its point.
_LARGEST_PRICE = 9e14
_LARGEST_VOLUME = float(2**63 - 1024)
# What two quotients of the same factors may differ by.
_NOISE = 1e-12
_MADE = (1980, 1, 1, 0, 0, 0)  # a zip of the same bars is the same zip
_LINES = pa.csv.WriteOptions(include_header=False, quoting_style="none")


@contextmanager
def lean_folder(folder: ExportFolder, request: ExportRequest) -> Iterator[LeanFolder]:
    """Write what LEAN takes for its data folder: `equity/usa/daily/aapl.zip` and so on."""
    yield LeanFolder(folder, request)


@dataclass(frozen=True, slots=True)
class LeanFolder:
    """A data folder that assets are added to."""

    _folder: ExportFolder
    _request: ExportRequest

    def add(self, series: AssetSeries) -> int:
        """Write an asset; return how many bars were written."""
        bars = self._request.bars(series)
        if not len(bars):
            return 0
        self._note(series.ticker, bars)
        exchange = series.facts.symbol.exchange
        place = ("equity", MARKETS.get(exchange, exchange.lower()))
        lines = map_lines(series, bars)
        name = lines[-1][1]
        self._text((*place, "map_files", f"{name}.csv"), lines)
        self._text((*place, "factor_files", f"{name}.csv"), factor_lines(series, bars))
        lost = 0
        for ticker, piece in _pieces(series, bars):
            lost += self._zip((*place, "daily"), ticker, piece)
        if lost:
            raise UsageError(
                f"{lost} bars left out: another asset has bars of these days under this ticker"
            )
        return len(bars)

    def _note(self, ticker: str, bars: Bars) -> None:
        """Note what the lines do not hold as it is; raise `UsageError` for what they cannot."""
        prices = [bars.open, bars.high, bars.low, bars.close]
        refuse_unpriced("LEAN", prices)
        if beyond := sum(int((each > _LARGEST_PRICE).sum()) for each in prices):
            raise UsageError(
                f"LEAN holds prices up to {_LARGEST_PRICE:g}, and {beyond:,} are larger"
            )
        pairs = [(each, _in_deci_cents(each) / _DECI_CENTS) for each in prices]
        reason = "LEAN's lines hold eight decimals"
        self._request.note(altered(ticker, "prices", pairs, reason))
        held = np.minimum(bars.volume, _LARGEST_VOLUME)
        reason = f"LEAN holds volumes up to {_LARGEST_VOLUME:.4g}"
        self._request.note(altered(ticker, "volumes", [(bars.volume, held)], reason))

    def _text(self, parts: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
        with self._folder.file(*parts) as path:
            path.write_text("".join(f"{','.join(line)}\n" for line in lines), "utf-8")

    def _zip(self, place: Sequence[str], ticker: str, bars: Bars) -> int:
        """Write a ticker's bars, among those of other assets that had it.

        Returns how many are not written because the ticker already has a bar of their day.
        """
        parts = (*place, f"{ticker}.zip")
        text, lost = daily_lines(bars), 0
        is_shared = self._folder.holds(*parts)
        if is_shared:
            with zipfile.ZipFile(self._folder.path.joinpath(*parts)) as others:
                text, lost = _merged(others.read(f"{ticker}.csv"), text)
        with (
            self._folder.file(*parts, again=is_shared) as path,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
        ):
            packed.writestr(zipfile.ZipInfo(f"{ticker}.csv", _MADE), text, zipfile.ZIP_DEFLATED)
        return lost


def ticker_of(code: str, exchange: str) -> str:
    """Return LEAN's ticker of a code, as its files have it: `brk.b` for BRK-B."""
    return file_name(code.replace("-", ".") if exchange == "US" else code).lower()


def daily_lines(bars: Bars) -> bytes:
    """Return bars as LEAN's lines: date and time, prices in ten-thousandths, shares.

    A finer price keeps decimals, up to eight of the price, and so does the volume of a currency
    pair: LEAN reads them.
    """
    columns = [
        pc.strftime(pa.array(bars.date, pa.int32()).cast(pa.date32()), "%Y%m%d 00:00"),
        *(_numbers(_in_deci_cents(each)) for each in (bars.open, bars.high, bars.low, bars.close)),
        _numbers(np.minimum(bars.volume, _LARGEST_VOLUME)),
    ]
    text = io.BytesIO()
    names = ["date", "open", "high", "low", "close", "volume"]
    pa.csv.write_csv(pa.Table.from_arrays(columns, names), text, _LINES)
    return text.getvalue()


def _in_deci_cents(prices: Floats) -> Floats:
    return np.round(prices * _DECI_CENTS, 4)


def _numbers(column: Floats) -> pa.Array:
    """Return numbers as LEAN reads them: whole ones, or with a point and no exponent."""
    if (column == np.rint(column)).all():
        return pa.array(column.astype(np.int64))
    return pa.array([_plain(each) for each in column])


def factor_lines(series: AssetSeries, bars: Bars) -> list[tuple[str, ...]]:
    """Return the lines of a factor file: date, price factor, split factor, reference price.

    A line holds through its date, the last one before an ex-date, whose raw close is the
    reference; the first line has the date of the first exported bar, the last one is open-ended.
    """
    computed, history = series.factors, series.bars
    first = int(np.searchsorted(history.date, bars.date[0]))
    shares = computed.splits
    prices = computed.total / shares
    lines: list[tuple[str, ...]] = [(_day(FOREVER), "1", "1", "0")]
    price, share = 1.0, 1.0
    steps = np.flatnonzero((np.diff(shares) != 0) | (np.diff(computed.total) != 0))
    for at in steps[steps >= first][::-1]:
        is_paid = abs(prices[at] / price - 1) > _NOISE
        price, share = (prices[at] if is_paid else price), shares[at]
        facts = (price, share, round(history.close[at], 8))
        lines.append((_day(day_date(int(history.date[at]))), *map(_plain, facts)))
    start = _day(day_date(int(bars.date[0])))
    if lines[-1][0] != start:
        lines.append((start, *lines[-1][1:3], "1"))
    return lines[::-1]


def map_lines(series: AssetSeries, bars: Bars) -> list[tuple[str, ...]]:
    """Return the lines of a map file: the last date of each ticker, and where it is traded.

    The first line is the first date; the last one is the end of a delisted asset, or far ahead.
    """
    facts = series.facts
    first, final = day_date(int(bars.date[0])), day_date(int(bars.date[-1]))
    end = final if facts.is_delisted else FOREVER
    held = _held(series)
    ends = [
        (until, listed.code)
        for listed, until in zip(held, (each.since - _ONE_DAY for each in held[1:]), strict=False)
        if first < until < end
    ]
    # The code at the end.
    latest = next(each.code for each in reversed(held) if each.since <= end or each is held[0])
    oldest = ends[0][1] if ends else latest
    letter = LETTERS.get(facts.venue.upper(), "")
    rows = [(first, oldest), *ends, (end, latest)]
    exchange = facts.symbol.exchange
    return [
        (_day(day), ticker_of(code, exchange), *([letter] if letter else []))
        for day, code in dict(rows).items()
    ]


def _held(series: AssetSeries) -> Sequence[CodePeriod]:
    """Return the codes of an asset by period; one for all time where none is known."""
    return series.listings or (CodePeriod(series.facts.symbol.code, date.min, None),)


def _pieces(series: AssetSeries, bars: Bars) -> Iterator[tuple[str, Bars]]:
    """Cut the bars at each change of the ticker."""
    held = _held(series)
    cuts = [int(np.searchsorted(bars.date, days(each.since))) for each in held[1:]]
    edges = [0, *cuts, len(bars)]
    for listed, start, stop in zip(held, edges[:-1], edges[1:], strict=True):
        if start < stop:
            ticker = ticker_of(listed.code, series.facts.symbol.exchange)
            yield ticker, Bars(*(column[start:stop] for column in bars.columns()))  # type: ignore[arg-type]


def _merged(first: bytes, second: bytes) -> tuple[bytes, int]:
    """Merge lines of two texts by date; for an equal date keep the first text's.

    Returns the lines, and how many of the second text are left out.
    """
    every = (*second.splitlines(), *first.splitlines())
    lines = {line[:8]: line for line in every}
    return b"".join(lines[day] + b"\n" for day in sorted(lines)), len(every) - len(lines)


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"


def _plain(number: float) -> str:
    """Return a number without an exponent, which LEAN would skip."""
    return np.format_float_positional(number, precision=_DIGITS, fractional=False, trim="-")
