"""Turn a run's report into a last line on stderr and an exit code."""

from __future__ import annotations

from data_nexus.app.signals import DRAINED
from data_nexus.cli.render import print_error, print_note
from data_nexus.errors import CredentialsRefused, InvariantBroken
from data_nexus.ingestion.reports.run_report import RunReport


def exit_code_of(report: RunReport, again: str = "run it again to continue") -> int:
    """Print why a run ended early, if it did, and return the command's exit code.

    `again` says how to continue.
    """
    if isinstance(report.ended_by, InvariantBroken):
        print_error(str(report.ended_by), 0, as_json=False)
        return report.ended_by.exit_code
    if report.ended_by is not None:
        # A key that is refused is refused again.
        is_of_key = isinstance(report.ended_by, CredentialsRefused)
        remedy = CredentialsRefused.remedy if is_of_key else again
        print_error(f"{report.ended_by}; {remedy}", 0, as_json=False)
        return report.ended_by.exit_code
    if report.drained_by is not None:
        print_note(f"stopped by {report.drained_by}; {again}")
        return DRAINED[report.drained_by]
    return 3 if report.failed or report.parked or report.actions_failed else 0
