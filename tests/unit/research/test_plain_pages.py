"""Plain pages are read in place: the same numbers as the library reads, and no other file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from data_nexus.research.columns import NUMBERS
from data_nexus.research.snapshots.plain_pages import has_plain_pages, plain_group
from data_nexus.research.snapshots.schemas import BARS, Compression, parquet_of_bars

NEW_YEAR = (date(2024, 1, 1) - date(1970, 1, 1)).days


def bars(rows: int, assets: int = 3, seed: int = 0) -> pa.Table:
    """Bars of some assets over four years, with numbers of every size."""
    random = np.random.default_rng(seed)
    each = -(-rows // assets)
    columns = [
        pa.array(np.repeat(np.arange(assets, dtype=np.int32), each)[:rows]),
        pa.array(np.tile(NEW_YEAR + np.arange(each) % 1_400, assets)[:rows].astype(np.int32)).view(
            pa.date32()
        ),
        *(pa.array(np.exp(random.normal(0, 30, rows))) for _ in NUMBERS),
    ]
    return pa.Table.from_arrays(columns, schema=BARS)


def metadata_of(content: pa.Buffer) -> parquet.FileMetaData:
    return parquet.ParquetFile(pa.BufferReader(content)).metadata


def as_it_lies(content: pa.Buffer, groups: Sequence[int]) -> pa.Table:
    metadata = metadata_of(content)
    return pa.Table.from_batches(
        [plain_group(content, metadata.row_group(group), BARS) for group in groups]
    )


@given(rows=st.integers(1, 4_000), seed=st.integers(0, 9))
def test_the_numbers_are_those_that_the_library_reads(rows: int, seed: int) -> None:
    content = parquet_of_bars(bars(rows, seed=seed), "none")
    metadata = metadata_of(content)
    assert has_plain_pages(metadata)
    groups = [*range(metadata.num_row_groups)][:: 1 + seed % 2]
    read = parquet.ParquetFile(pa.BufferReader(content)).read_row_groups(groups)
    assert as_it_lies(content, groups).equals(read.cast(BARS))


def test_however_many_rows_a_row_group_has_its_columns_are_one_page_each() -> None:
    """The library begins a new page after 20,000 rows or a mebibyte, unless told otherwise."""
    table = bars(300_000, assets=400)
    content = parquet_of_bars(table, "none")
    metadata = metadata_of(content)
    assert max(metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)) > 140_000
    every = [*range(metadata.num_row_groups)]
    read = parquet.ParquetFile(pa.BufferReader(content)).read()
    assert as_it_lies(content, every).equals(read.cast(BARS))


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_compressed_file_is_left_to_the_library(compression: Compression) -> None:
    assert not has_plain_pages(metadata_of(parquet_of_bars(bars(50), compression)))


def test_a_file_that_does_not_say_how_it_was_written_is_left_to_the_library() -> None:
    sink = pa.BufferOutputStream()
    parquet.write_table(bars(50), sink, compression="none", use_dictionary=False)
    assert not has_plain_pages(metadata_of(sink.getvalue()))


def test_a_footer_that_points_out_of_the_file_is_damage() -> None:
    content = parquet_of_bars(bars(50), "none")
    with pytest.raises(pa.ArrowInvalid, match="outside the file"):
        plain_group(content.slice(0, 300), metadata_of(content).row_group(0), BARS)
