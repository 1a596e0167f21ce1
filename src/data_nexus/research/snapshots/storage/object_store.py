"""Store a snapshot in an object store, which shows an object only once it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from pyarrow import fs

from data_nexus.errors import StorageUnavailable
from data_nexus.research.snapshots.storage.address import Address
from data_nexus.research.snapshots.storage.storage import Storage

# There is no lock: a file that no manifest names may be another export's, until it is this old.
_OLD = timedelta(days=1)


class ObjectStorage(Storage):
    """A snapshot below a prefix of a bucket.

    Raises `StorageUnavailable` for a bucket whose region Amazon does not know.
    """

    usual_compression = "zstd"
    # Each request mostly waits.
    concurrent_reads = 16
    maps_files = False

    def __init__(self, address: Address) -> None:
        self._address = address
        try:
            filesystem = fs.S3FileSystem(
                access_key=address.access_key,
                secret_key=address.secret_key,
                region=address.region or _region(address),
                endpoint_override=address.endpoint,
                scheme=address.scheme,
                allow_delayed_open=True,  # else each file is an upload of three requests
            )
        except (OSError, ValueError) as error:
            message = address.without_keys(str(error).partition("\n")[0])
            raise StorageUnavailable(f"{address.name}: {message}") from None
        super().__init__(address.name, filesystem, f"{address.bucket}/{address.prefix}")

    @property
    def delta_options(self) -> dict[str, str]:
        """What delta-rs needs beside an address."""
        return self._address.delta_options(self._filesystem.region)

    def address(self, path: str) -> str:
        """Return a path as other programs name it."""
        return f"s3://{self._at(path)}"

    def put(self, path: str, content: bytes | pa.Buffer) -> None:
        """Write a file: afterwards it is there whole, or as it was before."""
        try:
            with self._filesystem.open_output_stream(self._at(path)) as stream:
                stream.write(content)
        except OSError as error:
            raise self.unavailable(error) from None

    def read(self, path: str) -> bytes | None:
        """Return the content of a file; None if there is none in the bucket."""
        content = super().read(path)
        if content is None:
            self._require_bucket()
        return content

    def sync(self) -> None:
        """Do nothing: what the store has acknowledged is durable."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Refuse files that are not a snapshot's; other exports are not kept out."""
        self._refuse_foreign()
        yield

    def removable(self) -> list[str]:
        """Return the paths of the files that no other export may be about to name."""
        before = datetime.now(UTC) - _OLD
        return [self._path(each) for each in self._files() if each.mtime < before]

    def _require_bucket(self) -> None:
        """Raise `StorageUnavailable` if there is no such bucket."""
        if self._type_of(self._address.bucket) == fs.FileType.NotFound:
            raise StorageUnavailable(
                f"{self.name}: there is no bucket {self._address.bucket}; create it first"
            )

    def _message(self, error: Exception) -> str:
        return self._address.without_keys(super()._message(error))


def _region(address: Address) -> str | None:
    """Return the region of a bucket of Amazon's; other stores ignore it."""
    return None if address.endpoint else fs.resolve_s3_region(address.bucket)
