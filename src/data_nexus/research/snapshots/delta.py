"""Owns a snapshot's second face: each of its tables as a Delta table, by the extra `deltalake`.

The files are the same; a Delta log beside them names those that count. A refresh is one commit a
table, made before the manifest is replaced: whoever reads Delta has the old table or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pyarrow as pa

from data_nexus.errors import StorageUnavailable, UsageError
from data_nexus.research.snapshots.manifest import LakeFile
from data_nexus.research.snapshots.place import Place
from data_nexus.research.snapshots.tables import BARS, TABLES

_PARTITION = "exchange"


def require_deltalake() -> None:
    """Raise `UsageError` if the extra is not installed."""
    if find_spec("deltalake") is None:
        raise UsageError("a Delta table needs the extra: pip install 'data-nexus[deltalake]'")


def commit_delta(place: Place, files: Sequence[LakeFile], moment: datetime) -> None:
    """Make the Delta tables of a place consist of these files; tables as they are stay untouched.

    Raises `StorageUnavailable` where a log cannot be written.
    """
    deltalake = import_module("deltalake")
    try:
        for table in TABLES:
            own = [file for file in files if file.table == table]
            _commit(deltalake, place.address(table), own, moment)
    except (OSError, deltalake.exceptions.DeltaError) as error:
        raise StorageUnavailable(f"{place.name}: {str(error).splitlines()[0]}") from None


def _commit(deltalake: Any, address: str, files: Sequence[LakeFile], moment: datetime) -> None:  # noqa: ANN401
    """Commit the files of one table; `deltalake` is the module, which ships no types."""
    table = files[0].table if files else "bars"
    partitions = [_PARTITION] if table == "bars" else []
    schema = deltalake.Schema.from_arrow(_schema(table))
    actions = [_action(deltalake.transaction, file, moment) for file in files]
    if not deltalake.DeltaTable.is_deltatable(address):
        deltalake.transaction.create_table_with_add_actions(
            address, schema, actions, partition_by=partitions, name=table
        )
        return
    known = deltalake.DeltaTable(address)
    wanted = {file.path.partition("/")[2] for file in files}
    if {uri.partition(f"/{table}/")[2] for uri in known.file_uris()} != wanted:
        known.create_write_transaction(actions, "overwrite", schema, partitions)


def _schema(table: str) -> pa.Schema:
    schema = TABLES[table]
    if table == "bars":
        return BARS.append(pa.field(_PARTITION, pa.string(), nullable=False))
    return schema


def _action(transaction: Any, file: LakeFile, moment: datetime) -> Any:  # noqa: ANN401
    told: dict[str, Any] = {"numRecords": file.rows}
    if file.first_date:
        told |= {
            "minValues": {"date": str(file.first_date)},
            "maxValues": {"date": str(file.last_date)},
            "nullCount": {"date": 0},
        }
    return transaction.AddAction(
        file.path.partition("/")[2],
        file.bytes,
        {_PARTITION: file.covers.exchange} if file.covers else {},
        int(moment.timestamp() * 1000),
        True,  # noqa: FBT003 - the library names none of its arguments
        json.dumps(told),
    )
