"""What nautilus_trader reads of a catalog: `nautilus_reader.py FOLDER`, printed as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from nautilus_trader.persistence.catalog import ParquetDataCatalog

catalog = ParquetDataCatalog(sys.argv[1])
rows: dict[str, list[list[Any]]] = {}
for bar in catalog.bars():
    prices = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    kind = str(bar.bar_type)
    rows.setdefault(kind, []).append([bar.ts_event, *(float(each) for each in prices)])
instruments = [
    [str(each.id), str(each.quote_currency), each.price_precision] for each in catalog.instruments()
]
print(json.dumps({"rows": rows, "instruments": instruments}))  # noqa: T201 - its answer
