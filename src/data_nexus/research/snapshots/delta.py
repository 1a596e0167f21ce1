"""Publish a snapshot's tables as Delta tables too, with the extra `deltalake`.

The files are the same; a Delta log beside them names the current ones. A refresh is one commit a
table, made before the manifest is replaced: a reader of Delta sees the old table or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pyarrow as pa

from data_nexus.errors import UsageError
from data_nexus.research.snapshots.manifest import LakeFile
from data_nexus.research.snapshots.schemas import BARS, TABLES
from data_nexus.research.snapshots.storage.storage import Storage

_PARTITION = "exchange"
_LOGS = tuple(f"{table}/_delta_log/" for table in TABLES)
# An object store has no lock, so two exports can meet.
_ATTEMPTS = 10


def require_deltalake() -> None:
    """Raise `UsageError` if the extra is not installed."""
    if find_spec("deltalake") is None:
        raise UsageError("a Delta table needs the extra: pip install 'data-nexus[deltalake]'")


def has_delta(paths: Iterable[str]) -> bool:
    """Return whether a storage holds a Delta log, even of an interrupted export."""
    return any(path.startswith(_LOGS) for path in paths)


def commit_delta(storage: Storage, files: Sequence[LakeFile], moment: datetime) -> set[str]:
    """Make the Delta tables of a storage consist of these files; leave unchanged tables alone.

    Returns the files that are no longer part of them. Raises
    `StorageUnavailable` where a log cannot be written.
    """
    deltalake = import_module("deltalake")
    replaced: set[str] = set()
    try:
        for table in TABLES:
            own = {file.path.partition("/")[2]: file for file in files if file.table == table}
            gone = _commit(deltalake, storage, table, own, moment)
            replaced |= {f"{table}/{path}" for path in gone}
    except (OSError, deltalake.exceptions.DeltaError) as error:
        raise storage.unavailable(error) from None
    return replaced


def _commit(
    deltalake: Any,  # noqa: ANN401 - the module, which ships no types
    storage: Storage,
    table: str,
    files: Mapping[str, LakeFile],
    moment: datetime,
) -> set[str]:
    """Commit the files of one table, again if another export was faster."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(deltalake.exceptions.DeltaError):
            return _commit_once(deltalake, storage, table, files, moment)
    return _commit_once(deltalake, storage, table, files, moment)


def _commit_once(
    deltalake: Any,  # noqa: ANN401
    storage: Storage,
    table: str,
    files: Mapping[str, LakeFile],
    moment: datetime,
) -> set[str]:
    """Commit what is new and what is gone, on exactly the version that was read.

    No file is both added and removed: engines treat that differently.
    """
    address, options, actions = storage.address(table), storage.delta_options, deltalake.transaction
    schema = deltalake.Schema.from_arrow(_schema(table))
    partitions = [_PARTITION] if table == "bars" else []
    if not deltalake.DeltaTable.is_deltatable(address, options):
        new = [_added(actions, path, file, moment) for path, file in files.items()]
        actions.create_table_with_add_actions(
            address, schema, new, partition_by=partitions, name=table, storage_options=options
        )
        return set()
    known = deltalake.DeltaTable(address, storage_options=options)
    named = {each["path"]: each for each in pa.table(known.get_add_actions()).to_pylist()}
    new = [_added(actions, path, files[path], moment) for path in files.keys() - named.keys()]
    gone = named.keys() - files.keys()
    if new or gone:
        known.create_write_transaction(
            [*new, *(_removed(actions, named[path], moment) for path in gone)],
            "append",
            schema,
            partitions,
            commit_properties=actions.CommitProperties(max_commit_retries=0),
        )
    return set(gone)


def _schema(table: str) -> pa.Schema:
    schema = TABLES[table]
    if table == "bars":
        return BARS.append(pa.field(_PARTITION, pa.string(), nullable=False))
    return schema


def _removed(transaction: Any, named: Mapping[str, Any], moment: datetime) -> Any:  # noqa: ANN401
    return transaction.RemoveAction(
        named["path"],
        True,  # noqa: FBT003
        _milliseconds(moment),
        named["size_bytes"],
        named.get("partition") or {},
    )


def _added(transaction: Any, path: str, file: LakeFile, moment: datetime) -> Any:  # noqa: ANN401
    statistics: dict[str, Any] = {"numRecords": file.rows}
    if file.first_date:
        statistics |= {
            "minValues": {"date": str(file.first_date)},
            "maxValues": {"date": str(file.last_date)},
            "nullCount": {"date": 0},
        }
    return transaction.AddAction(
        path,
        file.bytes,
        {_PARTITION: file.covers.exchange} if file.covers else {},
        _milliseconds(moment),
        True,  # noqa: FBT003 - the library names none of its arguments
        json.dumps(statistics),
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
