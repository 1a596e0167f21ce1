"""Read plain numbers in place: in the mapped pages of a file, without a copy.

The numbers of an uncompressed plain page are in the file as they are in memory, little-endian,
after a header of a few bytes (Parquet format, "PLAIN" of DOUBLE and INT32). A file of bars records
whether each of its columns is one such page in each row group; any other is read by the library.
"""

from __future__ import annotations

import sys

import pyarrow as pa
from pyarrow import parquet

# The mark of such a file, and the options with which it is written.
PLAIN_PAGES = {b"data_nexus.pages": b"one plain page a column and row group"}
AS_PLAIN_PAGES = {"data_page_size": 1 << 30}
if int(pa.__version__.partition(".")[0]) >= 23:  # until then no page had a limit of rows
    AS_PLAIN_PAGES["max_rows_per_page"] = 1 << 30


def has_plain_pages(metadata: parquet.FileMetaData) -> bool:
    """Return whether the numbers of a file can be read in place."""
    marks = (metadata.metadata or {}).items()
    return sys.byteorder == "little" and PLAIN_PAGES.items() <= marks


def plain_group(
    content: pa.Buffer, group: parquet.RowGroupMetaData, schema: pa.Schema
) -> pa.RecordBatch:
    """Return a row group of a file with plain pages, as a view of the file's whole content.

    `schema` has the columns of all such files, in their order. Raises `pyarrow.ArrowInvalid` for a
    footer that is damaged.
    """
    arrays = []
    for at, field in enumerate(schema):
        chunk = group.column(at)
        size = chunk.num_values * field.type.byte_width
        end = chunk.data_page_offset + chunk.total_compressed_size
        if not chunk.data_page_offset <= end - size <= end <= content.size:
            raise pa.ArrowInvalid(f"the column {field.name} is outside the file")
        numbers = content.slice(end - size, size)
        arrays.append(pa.Array.from_buffers(field.type, chunk.num_values, [None, numbers], 0))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
