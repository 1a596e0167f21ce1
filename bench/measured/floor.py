"""The floor: rows that are encoded already go into the table in one COPY. A program.

`python floor.py FILE`, with DATABASE_URL; FILE holds a whole binary COPY of `market_data`. The
time runs from the first byte sent to the end of the COMMIT.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import psycopg

# From 16 kB to 4 MB the size makes no difference.
_CHUNK = 1 << 18


def main(file: Path) -> None:
    """Load the file and print what that took."""
    rows = memoryview(file.read_bytes())
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        started = time.perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY market_data FROM STDIN (FORMAT binary)") as copy,
        ):
            for start in range(0, len(rows), _CHUNK):
                copy.write(rows[start : start + _CHUNK])
        connection.commit()
        seconds = time.perf_counter() - started
    sys.stdout.write(json.dumps({"commits": 1, "duration_sec": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
