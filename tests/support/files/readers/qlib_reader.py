"""What qlib reads: `qlib_reader.py FOLDER INSTRUMENT…`, printed as JSON."""

from __future__ import annotations

import json
import sys

import qlib
from qlib.data import D

FIELDS = ["$open", "$high", "$low", "$close", "$volume", "$factor"]

qlib.init(provider_uri=sys.argv[1], region="us", kernels=1, logging_level=40)
named = D.list_instruments(D.instruments("all"), as_list=True)
frame = D.features(sys.argv[2:], FIELDS)
rows: dict[str, list[list[object]]] = {name: [] for name in sys.argv[2:]}
for (name, day), numbers in frame.iterrows():
    rows[name].append([str(day.date()), *(None if n != n else float(n) for n in numbers)])  # noqa: PLR0124
calendar = [str(day.date()) for day in D.calendar()]
print(json.dumps({"named": sorted(named), "calendar": calendar, "rows": rows}))  # noqa: T201
