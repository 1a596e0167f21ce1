"""One update at a moment of the measurement's choosing. A program.

`python night.py MOMENT`, with the variables that every command reads. It prints the figures of
the run, and how long its requests for sessions in bulk waited for the vendor.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime

from data_nexus.app.calendar_files import keep_calendars_at_home
from data_nexus.config import load_settings
from data_nexus.domain.endpoints import Endpoint
from data_nexus.events import Requested
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.nightly.update import update


def main(now: datetime) -> None:
    """Update all exchanges as if it were `now`."""
    serving = 0.0

    def observe(event: object) -> None:
        nonlocal serving
        if isinstance(event, Requested) and event.endpoint is Endpoint.BULK:
            serving += event.seconds

    settings = load_settings()
    keep_calendars_at_home(settings)
    report = asyncio.run(
        update(settings, os.environ["DATABASE_URL"], None, observe, Drain(observe), now=now)
    )
    if report.ended_by is not None:
        raise report.ended_by
    sys.stdout.write(json.dumps({**report.as_dict(), "serving_sec": serving}))


if __name__ == "__main__":
    main(datetime.fromisoformat(sys.argv[1]))
