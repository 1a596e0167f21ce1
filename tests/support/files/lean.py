"""A reader of LEAN's files, written from LEAN's documentation, of no use to the exporter."""

from __future__ import annotations

import zipfile
from bisect import bisect_left
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

# Date, open, high, low, close in currency, volume.
Daily = tuple[date, float, float, float, float, float]


class Factors(NamedTuple):
    """A line of a factor file: it holds up to and including its date."""

    day: date
    price: float
    split: float
    reference: float


def daily(folder: Path, ticker: str, market: str = "usa") -> list[Daily]:
    """The bars of a ticker."""
    path = folder / "equity" / market / "daily" / f"{ticker}.zip"
    with zipfile.ZipFile(path) as packed:
        assert packed.namelist() == [f"{ticker}.csv"]
        text = packed.read(f"{ticker}.csv").decode("ascii")
    found = []
    for line in text.splitlines():
        assert "e" not in line
        moment, *numbers = line.split(",")
        day = datetime.strptime(moment, "%Y%m%d %H:%M").date()  # noqa: DTZ007 - a date
        first, high, low, close, volume = map(float, numbers)
        found.append((day, first / 1e4, high / 1e4, low / 1e4, close / 1e4, volume))
    return found


def factor_file(folder: Path, ticker: str, market: str = "usa") -> list[Factors]:
    """The lines of an asset's factor file."""
    path = folder / "equity" / market / "factor_files" / f"{ticker}.csv"
    lines = [line.split(",") for line in path.read_text("ascii").splitlines()]
    return [Factors(_date(day), *map(float, numbers)) for day, *numbers in lines]


def map_file(folder: Path, ticker: str, market: str = "usa") -> list[tuple[date, str, str]]:
    """The lines of an asset's map file: last date, ticker, letter of its venue or ""."""
    path = folder / "equity" / market / "map_files" / f"{ticker}.csv"
    lines = [[*line.split(","), ""] for line in path.read_text("ascii").splitlines()]
    return [(_date(line[0]), line[1], line[2]) for line in lines]


def adjusted_closes(folder: Path, ticker: str) -> dict[date, float]:
    """The adjusted closes that LEAN would show: by the first line that is not over, by ticker."""
    factors = factor_file(folder, ticker)
    names = map_file(folder, ticker)
    shown: dict[date, float] = {}
    for place, (last, name, _) in enumerate(names[1:], start=1):
        after = names[place - 1][0] if place > 1 else date.min
        for day, _, _, _, close, _ in daily(folder, name):
            if after < day <= last and day >= names[0][0]:
                line = factors[bisect_left([each.day for each in factors], day)]
                shown[day] = close * line.price * line.split
    return shown


def _date(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date
