"""Owns reading plain numbers where they lie: in the mapped pages of a file, without a copy.

The numbers of an uncompressed plain page stand in the file as they do in memory, little-endian,
behind a header of a few bytes (Parquet format, "PLAIN" of DOUBLE and INT32). A file of bars says if
each of its columns is one such page in each row group; how to read any other is the library's
affair.
"""

from __future__ import annotations

import sys

import pyarrow as pa
from pyarrow import parquet

# What a file says of itself, and how it comes to be so.
PLAIN_PAGES = {b"data_nexus.pages": b"one plain page a column and row group"}
AS_PLAIN_PAGES = {"data_page_size": 1 << 30, "max_rows_per_page": 1 << 30}


def has_plain_pages(metadata: parquet.FileMetaData) -> bool:
    """Say whether the numbers of a file can be read where they lie."""
    said = (metadata.metadata or {}).items()
    return sys.byteorder == "little" and PLAIN_PAGES.items() <= said


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
            raise pa.ArrowInvalid(f"the column {field.name} lies outside of the file")
        numbers = content.slice(end - size, size)
        arrays.append(pa.Array.from_buffers(field.type, chunk.num_values, [None, numbers], 0))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
