"""Export assets one by one, out of one moment of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from data_nexus.database.connection import PostgresConnection
from data_nexus.errors import StorageUnavailable, UsageError
from data_nexus.research.assets import NamedAsset
from data_nexus.research.exports.alterations import Alteration
from data_nexus.research.exports.formats import FORMATS, Format, Writer
from data_nexus.research.exports.series import AssetSeries, ExportRequest, ExportScope, one_moment
from data_nexus.research.exports.target import ExportFolder, one_file, whole_file
from data_nexus.research.views import View

# Reports the progress of an export, asset by asset, to a person.
Watch = Callable[[Sequence[NamedAsset]], Iterable[NamedAsset]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote; `left_out` gives the reason for each missing asset or action.

    `altered` are the numbers that the format cannot hold as they are stored, and the bars that its
    calendar has no day for.
    """

    assets: int
    bars: int
    without_bars: int
    left_out: tuple[tuple[str, str], ...]
    altered: tuple[Alteration, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing and no number differs by more than a rounding."""
        return not self.left_out and all(each.is_rounding for each in self.altered)


def export(
    database: PostgresConnection,
    form: Format,
    out: Path,
    scope: ExportScope,
    view: View,
    *,
    as_of: datetime | None = None,
    force: bool = False,
    watch: Watch = iter,
) -> Exported:
    """Write assets to `out`, a folder, or a file where its ending is the format's name.

    Files appear whole or not at all; one asset is held in memory at a time. With `as_of` (aware)
    bars and actions are those known then. `watch` reports the progress. Raises `UsageError` for
    unknown assets, for a folder that holds anything else, and for assets that do not fit into one
    export; `StorageUnavailable` for a target that cannot be written.
    """
    is_file = _is_file(form, out)
    if form.tool:
        form.tool()
    with one_moment(database, as_of) as reader, _place_errors(out):
        assets = reader.choose(scope)
        if form.is_of_one_exchange and len({each.exchange for each in assets}) > 1:
            raise UsageError(f"{form.name}: export each exchange to a folder of its own")
        # A format without a view of its own carries the actions, and its tool adjusts.
        reader.warn_of_unread_actions(assets, view.adjust if form.adjust else "total")
        altered: list[Alteration] = []
        request = ExportRequest(
            view=view, calendar=lambda: reader.trading_days(assets, view), note=altered.extend
        )
        if is_file and form.one_file:
            with (
                whole_file(one_file(out, force=force)) as path,
                form.one_file(path, request) as writer,
            ):
                return _written(writer, form, map(reader.series, watch(assets)), view, altered)
        folder = ExportFolder(out, form.name, force=force)
        with form.folder(folder, request) as writer:
            done = _written(writer, form, map(reader.series, watch(assets)), view, altered)
        folder.finish(
            {"assets": done.assets, "bars": done.bars, "adjust": view.adjust}
            | {"moment": as_of or reader.moment}
        )
    return done


def _is_file(form: Format, out: Path) -> bool:
    """Return whether a path means one file; raise `UsageError` for one of another format."""
    ending = out.suffix.removeprefix(".")
    if ending in FORMATS and FORMATS[ending].one_file and ending != form.name:
        remedy = f"end it with .{form.name}, or name a folder" if form.one_file else "name a folder"
        raise UsageError(f"{out}: the format is {form.name}, not {ending}; {remedy}")
    return ending == form.name


@contextmanager
def _place_errors(out: Path) -> Iterator[None]:
    """Translate errors of the file system into `StorageUnavailable`."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"{out} cannot be written: {error.strerror or error}") from None


def _written(
    writer: Writer,
    form: Format,
    all_series: Iterable[AssetSeries],
    view: View,
    altered: Sequence[Alteration],
) -> Exported:
    """Write all assets; the writer adds to `altered` as it goes."""
    done = bars = without_bars = 0
    left_out: list[tuple[str, str]] = []
    seen: set[str] = set()
    for series in all_series:
        if series.ticker in seen:
            number = series.facts.asset_id
            left_out.append((series.ticker, f"asset {number} has this symbol too"))
            continue
        seen.add(series.ticker)
        try:
            count = writer.add(series)
        except UsageError as error:
            left_out.append((series.ticker, str(error)))
            continue
        bars += count
        done += count > 0
        without_bars += count == 0
        if count and form.adjust is None:
            left_out += [(series.ticker, reason) for reason in _lacking(series, view)]
    return Exported(
        assets=done,
        bars=bars,
        without_bars=without_bars,
        left_out=tuple(left_out),
        altered=tuple(altered),
    )


def _lacking(series: AssetSeries, view: View) -> Iterator[str]:
    """Yield why actions are missing in a format that carries actions."""
    first, last = view.first or date.min, view.last or date.max
    for each in series.factors.findings:
        if first < each.date <= last:
            yield f"the action of {each.date} is not exported: {each.rule}, but: {each.detail}"
