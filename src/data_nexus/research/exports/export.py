"""Owns an export from start to end: asset by asset, out of one moment of the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from data_nexus.database.connection import PostgresConnection
from data_nexus.errors import UsageError
from data_nexus.research.assets import Named
from data_nexus.research.exports.formats import Format, Writer
from data_nexus.research.exports.series import AssetSeries, Order, SeriesReader, Whom, one_moment
from data_nexus.research.exports.target import ExportFolder, one_file, whole_file
from data_nexus.research.views import View


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
    whom: Whom,
    view: View,
    *,
    as_of: datetime | None = None,
    force: bool = False,
) -> Exported:
    """Write assets to `out`, a folder, or a file where its ending is the format's name.

    Files appear whole or not at all; one asset is held in memory at a time. With `as_of` (aware)
    bars and actions are those known then. Raises `UsageError` for unknown assets, for a place that
    holds anything else, and for assets that do not fit into one export.
    """
    if form.tool:
        form.tool()
    with one_moment(database, as_of) as reader:
        assets = reader.choose(whom)
        exchanges = {each.ticker.rpartition(".")[2] for each in assets}
        if form.is_of_one_exchange and len(exchanges) > 1:
            raise UsageError(f"{form.name}: export each exchange to a folder of its own")
        order = Order(view=view, sessions=lambda: reader.dates(assets, view))
        if form.one_file and out.suffix == f".{form.name}":
            with (
                whole_file(one_file(out, force=force)) as path,
                form.one_file(path, order) as writer,
            ):
                return _written(writer, form, reader, assets, view)
        folder = ExportFolder(out, form.name, force=force)
        with form.folder(folder, order) as writer:
            done = _written(writer, form, reader, assets, view)
        folder.finish(
            {"assets": done.assets, "bars": done.bars, "adjust": view.adjust}
            | {"moment": as_of or reader.moment}
        )
    return done


def _written(
    writer: Writer, form: Format, reader: SeriesReader, assets: Sequence[Named], view: View
) -> Exported:
    done = bars = without_bars = 0
    left_out: list[tuple[str, str]] = []
    seen: set[str] = set()
    for asset in assets:
        if asset.ticker in seen:
            left_out.append((asset.ticker, f"asset {asset.asset_id} bears this symbol as well"))
            continue
        seen.add(asset.ticker)
        series = reader.series(asset)
        try:
            count = writer.add(series)
        except UsageError as error:
            left_out.append((asset.ticker, str(error)))
            continue
        bars += count
        done += count > 0
        without_bars += count == 0
        if count and form.adjust is None:
            left_out += [(asset.ticker, reason) for reason in _lacking(series, view)]
    return Exported(assets=done, bars=bars, without_bars=without_bars, left_out=tuple(left_out))


def _lacking(series: AssetSeries, view: View) -> Iterator[str]:
    """Say which actions a format that carries them cannot carry."""
    first, last = view.first or date.min, view.last or date.max
    for each in series.factors.findings:
        if first < each.date <= last:
            yield f"the action of {each.date} is not exported: {each.rule}, but: {each.detail}"
