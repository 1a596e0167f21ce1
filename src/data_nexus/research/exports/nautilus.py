"""Write nautilus_trader's catalog with the tool itself, which is imported at run time.

Its identifiers are `AAPL.US`: the code, and the exchange as venue. A bar is stamped with the close
of its session, so that a strategy never sees it before.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Bars, Floats
from data_nexus.domain.calendar.exchanges import sessions_of
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.errors import UsageError
from data_nexus.research.exports.alterations import altered
from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.series import AssetFacts, AssetSeries, ExportRequest
from data_nexus.research.exports.target import ExportFolder

_DAY_SEC = 86_400
_NANOSECONDS = 1_000_000_000
_DECIMALS = range(2, 9)
_SAME = 1e-9
_LARGEST = float(2**63 - 1024)
_NO_CURRENCY = "X" * 3  # ISO 4217's code for no currency, or an unknown one


def nautilus_catalog() -> Any:  # noqa: ANN401 - a tool without types
    """Return the tool's catalog class; raise `UsageError` where it is not installed."""
    try:
        return import_module("nautilus_trader.persistence.catalog").ParquetDataCatalog
    except ImportError:
        raise UsageError(
            "nautilus_trader is not installed; install it beside this package:"
            " pip install 'data-nexus[nautilus]'"
        ) from None


@contextmanager
def nautilus_folder(folder: ExportFolder, request: ExportRequest) -> Iterator[CatalogFolder]:
    """Write a folder that `ParquetDataCatalog` takes."""
    # The tool overwrites files: it gets a folder of its own.
    draft = folder.path / f".{uuid.uuid4().hex}.partial"
    try:
        yield CatalogFolder(folder, request, nautilus_catalog()(str(draft)), draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class CatalogFolder:
    """A catalog that assets are added to."""

    _folder: ExportFolder
    _request: ExportRequest
    _catalog: Any
    _draft: Path

    def add(self, series: AssetSeries) -> int:
        """Write an asset; return how many bars were written."""
        bars = self._request.bars(series)
        if not len(bars):
            return 0
        symbol = series.facts.symbol
        try:
            instrument = _instrument(series.facts, bars)
            rows = _bars(instrument, bars, symbol.exchange)
        except (ValueError, OverflowError) as error:
            raise UsageError(f"{symbol}: nautilus_trader refuses it: {error}") from None
        self._note(series.ticker, bars, instrument.price_precision)
        self._catalog.write_data([instrument])
        self._catalog.write_data(rows)
        for path in sorted(self._draft.rglob("*.parquet")):
            parts = path.relative_to(self._draft).parts
            with self._folder.file(*parts) as place:
                path.replace(place)
        return len(bars)

    def _note(self, ticker: str, bars: Bars, decimals: int) -> None:
        """Note what the tool does not hold as it is."""
        prices = (bars.open, bars.high, bars.low, bars.close)
        pairs = [(each, np.round(each, decimals)) for each in prices]
        reason = f"nautilus_trader holds {_DECIMALS[-1]} decimals"
        self._request.note(altered(ticker, "prices", pairs, reason))
        pairs = [(bars.volume, _whole(bars.volume).astype(np.float64))]
        reason = "nautilus_trader holds the volumes of a share as whole numbers"
        self._request.note(altered(ticker, "volumes", pairs, reason))


def _whole(volumes: Floats) -> NDArray[np.int64]:
    """Return volumes as whole numbers of 64 bits; the tool refuses far smaller ones."""
    return np.rint(np.minimum(volumes, _LARGEST)).astype(np.int64)


def _instrument(facts: AssetFacts, bars: Bars) -> Any:  # noqa: ANN401 - a tool without types
    identifiers = import_module("nautilus_trader.model.identifiers")
    objects = import_module("nautilus_trader.model.objects")
    equity = import_module("nautilus_trader.model.instruments").Equity
    decimals = _decimals(bars)
    name = identifiers.InstrumentId(
        identifiers.Symbol(file_name(facts.symbol.code)), identifiers.Venue(facts.symbol.exchange)
    )
    return equity(
        instrument_id=name,
        raw_symbol=name.symbol,
        currency=objects.Currency.from_str(facts.currency or _NO_CURRENCY, strict=False),
        price_precision=decimals,
        price_increment=objects.Price(10.0**-decimals, decimals),
        lot_size=objects.Quantity.from_int(1),
        isin=facts.isin or None,
        ts_event=0,
        ts_init=0,
    )


def _bars(instrument: Any, bars: Bars, exchange: str) -> list[Any]:  # noqa: ANN401
    model = import_module("nautilus_trader.model.data")
    objects = import_module("nautilus_trader.model.objects")
    kind = model.BarType.from_str(f"{instrument.id}-1-DAY-LAST-EXTERNAL")
    decimals = instrument.price_precision
    prices = (bars.open, bars.high, bars.low, bars.close)
    volumes = _whole(bars.volume).tolist()
    moments = _closes(bars, exchange).tolist()
    columns = zip(*(column.tolist() for column in prices), volumes, moments, strict=True)
    return [
        model.Bar(
            kind,
            *(objects.Price(price, decimals) for price in prices_of_day),
            objects.Quantity.from_int(volume),
            moment,
            moment,
        )
        for *prices_of_day, volume, moment in columns
    ]


def _decimals(bars: Bars) -> int:
    """Return how many decimals represent all prices exactly; at most eight."""
    prices = np.concatenate((bars.open, bars.high, bars.low, bars.close))
    for decimals in _DECIMALS:
        if (np.abs(np.round(prices, decimals) - prices) <= _SAME * np.abs(prices)).all():
            return decimals
    return _DECIMALS[-1]


def _closes(bars: Bars, exchange: str) -> NDArray[np.int64]:
    """Return when each bar's session closed, in nanoseconds since 1970, UTC.

    A bar on a date that is not a session, or of an exchange without a calendar, is stamped with the
    end of its date.
    """
    sessions = sessions_of(exchange, day_date(int(bars.date[-1])))
    at = np.searchsorted(sessions.days, bars.date).clip(max=len(sessions.days) - 1)
    is_session = sessions.days[at] == bars.date
    ends: NDArray[np.int64] = (bars.date.astype(np.int64) + 1) * _DAY_SEC
    return np.where(is_session, sessions.closes[at], ends) * _NANOSECONDS
