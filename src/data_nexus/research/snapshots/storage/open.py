"""Open the storage that a person names."""

from __future__ import annotations

import os

from data_nexus.errors import UsageError
from data_nexus.research.snapshots.storage.address import address_of
from data_nexus.research.snapshots.storage.folder import FolderStorage
from data_nexus.research.snapshots.storage.object_store import ObjectStorage
from data_nexus.research.snapshots.storage.storage import Storage


def open_storage(target: str) -> Storage:
    """Return the storage that `DIR` or `s3://bucket/prefix` means; nothing is created.

    Keys of an object store are taken from the address, or from where its own tools find them.
    Raises `UsageError` for another kind of address, `StorageUnavailable` for an unknown bucket of
    Amazon's.
    """
    if "\0" in target or not target.strip():
        raise UsageError("name a folder or s3://bucket/prefix")
    scheme, separator, _ = target.partition("://")
    if not separator:
        return FolderStorage(target)
    if scheme != "s3":
        raise UsageError(f"{scheme}://…: a snapshot is a folder or s3://bucket/prefix")
    return ObjectStorage(address_of(target, os.environ))
