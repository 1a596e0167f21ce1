"""What is exported for LEAN is what LEAN's own files say of the same bars and actions."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from data_nexus.domain.bars import Bars
from data_nexus.domain.symbol import Symbol
from data_nexus.research.exports.lean import lean_folder
from data_nexus.research.exports.series import AssetFacts, AssetSeries, ExportRequest
from data_nexus.research.exports.target import ExportFolder
from tests.golden.recordings import market_file, needs_recordings
from tests.support.files.lean import Factors, adjusted_closes, daily, factor_file
from tests.support.postgres.stored import actions_of, dividend, split

pytestmark = needs_recordings

# The files of the others refer to bars that are not there, e.g. of a code's other holder.
SYMBOLS = ("AIG", "CCCL", "EEM", "FB", "GOOGL", "IBM", "IWM", "SPY", "USO")


def real_lines(symbol: str) -> Iterator[Factors]:
    """A symbol's lines of LEAN's factor files."""
    with gzip.open(market_file("lean_factor_files.csv.gz"), "rt", newline="") as text:
        for line in csv.DictReader(text):
            if line.pop("symbol") == symbol:
                yield Factors(dt.date.fromisoformat(line.pop("date")), *map(float, line.values()))


def real_series(symbol: str) -> AssetSeries:
    """A symbol's real bars, and the actions that its factor file implies."""
    table = pq.read_table(market_file("bars_raw_lean.parquet"), filters=[("symbol", "=", symbol)])
    dates = table["date"].to_numpy().astype("datetime64[D]").astype(np.int32)
    fields = ("open", "high", "low", "close", "adjusted_close", "volume")
    bars = Bars(dates, *(table[field].to_numpy().astype(np.float64) for field in fields))
    actions = []
    for line, later in pairwise(real_lines(symbol)):
        day = line.day + dt.timedelta(1)
        if line.split != later.split:
            actions.append(split(day, later.split / line.split, 1.0))
        if line.price != later.price:
            paid = line.reference * (1 - line.price / later.price)
            actions.append(dividend(day, paid))
    return AssetSeries(
        facts=AssetFacts(asset_id=1, symbol=Symbol(symbol, "US"), currency="USD"),
        bars=bars,
        actions=actions_of(*actions),
    )


@pytest.fixture(scope="module", params=SYMBOLS)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[AssetSeries, Path]:
    series, out = real_series(request.param), tmp_path_factory.mktemp("lean")
    with lean_folder(ExportFolder(out, "lean"), ExportRequest()) as folder:
        assert folder.add(series) == len(series.bars)
    return series, out


def test_the_zip_holds_the_bars(exported: tuple[AssetSeries, Path]) -> None:
    series, out = exported
    found = daily(out, series.facts.symbol.code.lower())
    columns = (series.bars.open, series.bars.high, series.bars.low, series.bars.close)
    assert [day for day, *_ in found] == [
        dt.date(1970, 1, 1) + dt.timedelta(int(day)) for day in series.bars.date
    ]
    numbers = np.array([line[1:] for line in found], np.float64)
    assert np.abs(numbers[:, :4] - np.column_stack(columns)).max() <= 0.5e-8
    # Each split touches the volumes before it, unless they are proven to be as traded.
    assert np.array_equal(numbers[:, 4], np.rint(numbers[:, 4]))


def test_the_factor_file_is_that_of_lean(exported: tuple[AssetSeries, Path]) -> None:
    series, out = exported
    found = factor_file(out, series.facts.symbol.code.lower())
    dates = {dt.date(1970, 1, 1) + dt.timedelta(int(day)) for day in series.bars.date}
    wanted = [
        line
        for line, later in pairwise(real_lines(series.facts.symbol.code))
        if line.day in dates and (line.price, line.split) != (later.price, later.split)
    ]
    assert found[0].day == min(dates)
    assert found[-1] == Factors(dt.date(2050, 12, 31), 1, 1, 0)
    # The first line of LEAN's is the start of its bars, as ours is, with nothing before it.
    steps = [line for line in found[:-1] if line.reference != 1]
    wanted = [line for line in wanted if line.reference != 1]
    assert [line.day for line in steps] == [line.day for line in wanted]
    for line, real in zip(steps, wanted, strict=True):
        assert line.price == pytest.approx(real.price, rel=2e-6)
        assert line.split == pytest.approx(real.split, rel=2e-6)
        assert line.reference == pytest.approx(real.reference, abs=0.006)


def test_lean_would_show_the_adjusted_series(exported: tuple[AssetSeries, Path]) -> None:
    series, out = exported
    shown = adjusted_closes(out, series.facts.symbol.code.lower())
    found = np.array([*shown.values()])
    sent = series.bars.adjusted_close
    half_a_unit = np.where(sent < 1, 0.5e-6, 0.5e-4)
    assert (np.maximum(np.abs(found - sent) - half_a_unit, 0) / sent).max() < 2e-6
