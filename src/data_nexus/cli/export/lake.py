"""`nexus export lake`: write a snapshot or refresh it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

import click

from data_nexus import __version__
from data_nexus.cli.options import opened, output_options, settings_from
from data_nexus.cli.render import console, counted, print_json, waiting
from data_nexus.research.snapshots.schemas import Compression
from data_nexus.research.snapshots.storage.open import open_storage
from data_nexus.research.snapshots.write import export_lake


@click.command()
@click.option("--to", "target", required=True, help="a folder, or s3://bucket/prefix")
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "delta"]),
    default="parquet",
    help="delta: Delta tables as well, from then on (extra deltalake)",
)
@click.option(
    "--compression",
    type=click.Choice(get_args(Compression)),
    help="of files of bars: zstd is smallest, none fastest; by default as before, at first none in"
    " a folder and zstd in an object store",
)
@output_options
def lake(
    target: str,
    form: str,
    compression: Compression | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> None:
    """Write a snapshot as Parquet, or refresh it.

    Example: nexus export lake --to lake

    A refresh writes only the files whose bars have changed. Whatever stops it, the target holds the
    old snapshot or the new one. Read it with `data_nexus.lake(…)`, which needs no database.
    """
    settings = settings_from(options)
    storage = open_storage(target)
    with opened(settings, writes=False) as database, waiting("writing the snapshot"):
        figures = export_lake(
            database,
            storage,
            compression,
            written_by=__version__,
            delta=form == "delta",
        )
    if as_json:
        print_json(asdict(figures))
        return
    console.print(
        f"{storage.name} equals the database at {figures.moment:%Y-%m-%d %H:%M:%S} UTC:"
        f" {counted(figures.bars, 'bar')} in {counted(figures.files, 'file')},"
        f" {figures.bytes / 1e6:,.1f} MB"
    )
    console.print(
        f"{counted(figures.written, 'file')} written ({figures.bytes_written / 1e6:,.1f} MB),"
        f" {figures.kept:,} kept, {figures.removed:,} removed,"
        f" {figures.duration_sec:.1f} s"
    )
