"""Print what a run did, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from data_nexus.cli.render import console, counted
from data_nexus.domain.planning.notices import Notices
from data_nexus.ingestion.reports.discovered import Discovered
from data_nexus.ingestion.reports.run_report import RunReport

_MOST_NAMED = 10
NOTHING_DUE = "Nothing is due: `nexus status` says what there is, and how fresh."


def print_lists(found: Iterable[Discovered]) -> None:
    """Print what each symbol list changed."""
    for one in found:
        kind = " delisted" if one.delisted else ""
        changes = one.changes
        console.print(
            f"{one.exchange}{kind}: {changes.added:,} added,"
            f" {changes.reactivated:,} reactivated, {changes.deactivated:,} deactivated,"
            f" {changes.updated:,} updated, {changes.unchanged:,} unchanged"
        )
        for move in one.moves:
            arrow = f" → {move['to']}" if move["to"] else ""
            console.print(f"  {move['from']}{arrow}: {move['reason']}")


def print_run(report: RunReport, nothing: str = NOTHING_DUE) -> None:
    """Print a run's figures as sentences, and what it could not bring.

    `nothing` is said of a run that had nothing to do.
    """
    _print_figures(report, nothing)
    for line in notice_lines(report.notices):
        console.print(line)


def notice_lines(notices: Notices) -> Iterator[str]:
    """Give a line with the count of each reason, and one for each of the first assets."""
    if not notices.total:
        return
    counts = ", ".join(f"{count:,} {reason}" for reason, count in notices.counts.items())
    yield f"not brought, or no longer sent: {counts}"
    named = notices.first(_MOST_NAMED)
    for each in named:
        yield f"  {each.reason}: {each.symbol}: {each.detail}"
    if left := notices.total - len(named):
        yield f"  … and {left:,} more: nexus status --json"


def _print_figures(report: RunReport, nothing: str) -> None:
    if not (report.total_assets or report.actions or report.actions_failed):
        console.print("No asset was requested." if report.is_cut_short else nothing)
        return
    if report.total_assets:
        _print_histories(report)
    if report.actions or report.actions_failed:
        console.print(
            f"splits and dividends of {counted(report.actions, 'asset')} read,"
            f" {report.actions_failed:,} failed; {report.findings:,} leave adjusted closes"
            " unexplained"
        )
    for title, counts in (("odd", report.flagged), ("rejected", report.rejected_by_rule)):
        for rule, count in sorted(counts.items()):
            console.print(f'  {title}: {counted(count, "row")} broke the rule "{rule}"')
    seconds = report.duration_sec
    console.print(
        f"{counted(report.calls, 'call')} in {counted(report.requests, 'request')}, {seconds:.1f} s"
        f"{_pace(report.total_rows, seconds)}"
    )


def _pace(rows: int, seconds: float) -> str:
    return f" ({rows / max(seconds, 0.001):,.0f} rows/s)" if rows else ""


def _print_histories(report: RunReport) -> None:
    console.print(
        f"{counted(report.synced, 'asset')} synced, {report.absent:,} without bars,"
        f" {report.failed:,} failed, {report.parked:,} parked"
    )
    console.print(
        f"{counted(report.total_rows, 'row')} received: {report.inserted:,} inserted,"
        f" {report.revised:,} revised, {report.unchanged:,} unchanged,"
        f" {report.rejected:,} rejected"
    )
    if report.withdrawn:
        console.print(
            f"{counted(report.withdrawn, 'stored bar')} withdrawn: no longer sent by the vendor"
        )
    if report.doubted:
        console.print(f"not sent, and kept as findings: {counted(report.doubted, 'stored bar')}")
    if report.reread:
        console.print(
            f"{counted(report.reread, 'history')} read again as a whole, as last bars had changed"
        )
