"""Owns an export from start to end: asset by asset, out of one moment of the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_nexus.database.connection import PostgresConnection
from data_nexus.errors import UsageError
from data_nexus.research.exports.formats import Format, Writer
from data_nexus.research.exports.series import AssetSeries, Chosen, one_moment
from data_nexus.research.exports.target import ExportFolder, one_file, whole_file
from data_nexus.research.exports.viewing import Order, factors_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote; `left_out` says of each asset or action that is not in it why."""

    assets: int
    bars: int
    without_bars: int
    left_out: tuple[tuple[str, str], ...]


def export(
    database: PostgresConnection,
    form: Format,
    out: Path,
    chosen: Sequence[Chosen],
    order: Order,
    *,
    force: bool = False,
) -> Exported:
    """Write the chosen assets to `out`, a folder, or a file where its ending is the format's name.

    Files appear whole or not at all; one asset is held in memory at a time. Raises `UsageError` for
    a place that holds anything else, and for assets that do not fit into one export.
    """
    if form.is_of_one_exchange and len({each.symbol.exchange for each in chosen}) > 1:
        raise UsageError(f"{form.name}: export each exchange to a folder of its own")
    with one_moment(database) as reader:
        asked = replace(
            order, sessions=lambda: reader.dates(chosen, order.dates.first, order.dates.last)
        )
        if form.one_file and out.suffix == f".{form.name}":
            with (
                whole_file(one_file(out, force=force)) as path,
                form.one_file(path, asked) as writer,
            ):
                return _written(writer, form, map(reader.series, chosen), order)
        folder = ExportFolder(out, form.name, force=force)
        with form.folder(folder, asked) as writer:
            done = _written(writer, form, map(reader.series, chosen), order)
        folder.finish(
            {"assets": done.assets, "bars": done.bars, "adjust": order.adjust}
            | {"moment": reader.moment}
        )
    return done


def _written(
    writer: Writer, form: Format, all_series: Iterable[AssetSeries], order: Order
) -> Exported:
    assets = bars = without_bars = 0
    left_out: list[tuple[str, str]] = []
    for series in all_series:
        symbol = str(series.facts.symbol)
        try:
            count = writer.add(series)
        except UsageError as error:
            left_out.append((symbol, str(error)))
            continue
        bars += count
        assets += count > 0
        without_bars += count == 0
        if count and form.adjust is None:
            left_out += [(symbol, reason) for reason in _lacking(series, order)]
    return Exported(assets=assets, bars=bars, without_bars=without_bars, left_out=tuple(left_out))


def _lacking(series: AssetSeries, order: Order) -> Iterator[str]:
    """Say which actions a format that carries them cannot carry."""
    first, last = order.dates.first, order.dates.last
    for each in factors_of(series).findings:
        if (first is None or first < each.date) and (last is None or each.date <= last):
            yield f"the action of {each.date} is not exported: {each.rule}, but: {each.detail}"
