"""The commands `nexus db backup`, `restore`, `verify` and `drill`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from data_nexus.app.signals import ended_by_signal
from data_nexus.backup.folder import BackupFolder
from data_nexus.backup.making import Kind, MadeBackup
from data_nexus.backup.manifest import BackupManifest
from data_nexus.cli.options import MOMENT, output_options, settings_from
from data_nexus.cli.render import (
    console,
    counted,
    error_console,
    print_json,
    print_table,
    waiting,
)
from data_nexus.config import Settings
from data_nexus.errors import UsageError
from data_nexus.service.backups import (
    RestoreOrder,
    RestoreReport,
    back_up,
    drill,
    follow,
    prove_backups,
    restore,
)

_FOLDER = click.Path(path_type=Path)


@click.command("backup")
@click.option("--to", "folder", type=_FOLDER, help="folder of the backups")
@click.option("--full", "kind", flag_value="full", help="copy everything")
@click.option(
    "--incremental", "kind", flag_value="incremental", help="copy what changed since the last one"
)
@click.option("--dump", "kind", flag_value="dump", help="write the rows as statements")
@click.option("--keep", type=click.IntRange(1, 1000), help="so many backups stay")
@click.option("--follow", "follows", is_flag=True, help="stream the log until Ctrl-C")
@click.option("--list", "lists", is_flag=True, help="show the backups, make none")
@output_options
def backup_command(
    folder: Path | None,
    kind: Kind | None,
    keep: int | None,
    follows: bool,  # noqa: FBT001
    lists: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """Make a backup while others work.

    Of the embedded database it copies the files: all of them, or what changed since the backup
    before, by itself as it fits. Of a server's (DATABASE_URL) it makes a dump, which another major
    version of PostgreSQL can read; with --dump of the embedded one, too. Each is proved by
    checksums before it counts, and the oldest are dropped after it. With --follow it streams the
    log of the embedded database as it is written, so that a restore to any moment loses next to
    nothing; let that run beside what loads, as a service of its own.
    """
    settings = settings_from(options)
    if lists:
        _show(_listed(settings, folder), as_json=as_json)
    elif follows:
        if kind or keep:
            raise UsageError(
                "--follow makes no backup: leave --full, --incremental, --dump and --keep out"
            )
        with ended_by_signal() as ended:
            error_console.print("Streaming the log. Ctrl-C ends it.")
            follow(settings, folder, ended)
    else:
        with waiting("backing up"):
            made = back_up(settings, folder=folder, kind=kind, keep=keep)
        _say_made(made, folder or settings.backups, as_json=as_json)


@click.command("restore")
@click.option("--from", "folder", type=_FOLDER, help="folder of the backups")
@click.option("--to-moment", "moment", type=MOMENT, help="as it was then; needs --follow before")
@click.option("--into", type=_FOLDER, help="a home, instead of that of the settings")
@click.option("--replace", "replaces", is_flag=True, help="keep the database there beside it")
@click.option("--trust", "trusts", is_flag=True, help="the backup is another machine's: I know it")
@output_options
def restore_command(
    folder: Path | None,
    moment: datetime | None,
    into: Path | None,
    replaces: bool,  # noqa: FBT001
    trusts: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> int:
    """Restore the newest backup, with the log after it.

    The embedded database comes back into a home that has none; with --replace the one that is there
    is kept beside it, renamed. A dump goes into the empty database that DATABASE_URL names, or
    without it into a home. A backup that is not as it was written is refused. Afterwards all tables
    are read and the invariants checked; `nexus update` then goes on where the backup was.
    """
    settings = settings_from(options)
    order = RestoreOrder(
        folder=folder or settings.backups,
        into=into,
        moment=moment,
        replaces=replaces,
        trusts=trusts,
    )
    with waiting("restoring"):
        report = restore(settings, order)
    return _say_restored(report, "Restored", as_json=as_json)


@click.command("verify")
@click.option("--from", "folder", type=_FOLDER, help="folder of the backups")
@output_options
def verify_command(folder: Path | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Verify the backups' files by their checksums.

    It reads all of them and starts nothing. `nexus verify` verifies the database itself, and
    `nexus db drill` that the newest backup can be restored.
    """
    settings = settings_from(options)
    with waiting("reading the backups"):
        proved = prove_backups(settings, folder)
    _show(proved, as_json=as_json)
    if not as_json:
        console.print(f"{counted(len(proved), 'backup')} as written.")


@click.command("drill")
@click.option("--from", "folder", type=_FOLDER, help="folder of the backups")
@output_options
def drill_command(folder: Path | None, as_json: bool, **options: Any) -> int:  # noqa: ANN401, FBT001
    """Restore the newest backup on trial.

    It goes into a temporary folder (TMPDIR), where all tables are read, the invariants checked and
    the rows compared with those that the backup had when it was made; then it is deleted. The exit
    code is 8 for a broken invariant, 3 for other rows.
    """
    settings = settings_from(options)
    with waiting("restoring on trial"):
        report = drill(settings, folder=folder)
    return _say_restored(report, "Restored on trial, and deleted", as_json=as_json)


COMMANDS = (backup_command, restore_command, verify_command, drill_command)


def _listed(settings: Settings, folder: Path | None) -> list[BackupManifest]:
    place = BackupFolder(folder or settings.backups)
    if not place.path.exists():
        return []
    place.require_private()
    return place.backups()


def _show(backups: list[BackupManifest], *, as_json: bool) -> None:
    if as_json:
        print_json({"backups": [_as_dict(each) for each in backups]})
        return
    rows = [
        (each.name, each.complete_at, sum(each.rows.values()), each.size, each.parent or "")
        for each in backups
    ]
    print_table(("backup", "complete at", "rows", "bytes", "stands on"), rows)


def _as_dict(manifest: BackupManifest) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(manifest)
    return {name: value for name, value in found.items() if name != "files"}


def _say_made(made: MadeBackup, folder: Path, *, as_json: bool) -> None:
    manifest = made.manifest
    if as_json:
        print_json({"backup": _as_dict(manifest), "dropped": made.dropped, "folder": str(folder)})
        return
    rows = counted(sum(manifest.rows.values()), "row")
    console.print(f"{manifest.name}: {rows}, {manifest.size / 1e6:,.1f} MB, in {folder}")
    if made.dropped:
        console.print(f"Dropped: {', '.join(made.dropped)}")


def _say_restored(report: RestoreReport, done: str, *, as_json: bool) -> int:
    if as_json:
        print_json(report.as_dict())
        return report.exit_code
    place = f" into {report.home}" if report.home else ""
    console.print(f"{done}: {report.backup}{place}.")
    console.print(f"{counted(report.rows, 'row')}, in {report.duration_sec:,.1f} s.")
    if report.replaced:
        console.print(f"The database that was there is kept: {report.replaced}")
    for table, (said, found) in report.differing.items():
        console.print(f"FAIL  {table}: {counted(found, 'row')}, and not {said:,}")
    for name, assets in report.broken.items():
        console.print(f"FAIL  {name}: {counted(assets, 'asset')}" if assets else f"ok    {name}")
    for table, cause in report.damaged.items():
        console.print(f"FAIL  {table} is damaged: {cause}")
    return report.exit_code
