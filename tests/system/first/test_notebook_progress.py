"""A call that takes its time says so in a notebook, leaves nothing there, and can be stopped."""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path

import pytest

import data_nexus as nexus
from tests.support.postgres.tables import eventually, rows
from tests.support.programs.notebooks import executed
from tests.support.vendor.sandbox import sandbox
from tests.support.vendor.truth import codes
from tests.system.conftest import Placed

LATENCY_MS = 700
CALLS = (
    "import data_nexus as nexus\nframe = nexus.download(['{0}.US', '{1}.US'])\nlen(frame)",
    "with nexus.connect() as db:\n    print(len(db.get('{2}.US', progress=False)))",
    "print(len(nexus.download('{2}.US')))",
)


def test_a_notebook_shows_the_progress_and_a_script_nothing(
    commands_for: Placed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with sandbox(symbols=4, bars_per_symbol=30, clean=True, latency=LATENCY_MS) as vendor:
        environment = commands_for(vendor).environment
        named = codes(vendor)
        cells = [call.format(*named) for call in CALLS]
        loud, silent, stored = executed(cells, tmp_path, environment)
        capfd.readouterr()
        for name, text in environment.items():
            monkeypatch.setenv(name, text)
        assert len(nexus.download(f"{named[3]}.US")) == 30
    assert capfd.readouterr() == ("", "")

    *drawn, last = loud.displayed
    assert len(drawn) > 1
    assert drawn[0]["text/plain"].startswith("opening the database, reading what is due (1 s)")
    assert re.search(r"backfill: \d/\d assets · ", drawn[-1]["text/plain"])
    assert re.search(r'<progress max="\d" value="\d"></progress>', drawn[-1]["text/html"])
    assert last == {"text/plain": "", "text/html": ""}
    kept, result = loud.outputs
    assert (kept["data"], result["data"]) == (last, {"text/plain": "60"})

    for cell in (silent, stored):
        assert cell.displayed == []
        assert [each["text"] for each in cell.outputs] == ["30\n"]


def test_an_interrupt_drains_the_run_and_is_raised(
    commands_for: Placed, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = threading.get_ident()
    with sandbox(symbols=4, bars_per_symbol=30, clean=True) as vendor:
        environment = {**commands_for(vendor).environment, "NEXUS_GRACE_SECONDS": "0.5"}
        for name, text in environment.items():
            monkeypatch.setenv(name, text)
        vendor.post("/faults", {"kind": "hang", "endpoint": "eod"})

        def interrupt() -> None:
            eventually(lambda: any(entry["endpoint"] == "eod" for entry in vendor.log()))
            signal.pthread_kill(main, signal.SIGINT)

        finger = threading.Thread(target=interrupt)
        finger.start()
        with pytest.raises(KeyboardInterrupt):
            nexus.download(f"{codes(vendor)[0]}.US")
        finger.join()
    (outcome,) = rows(database_url, "SELECT outcome FROM runs WHERE command = 'backfill'")
    assert outcome == ("drained: SIGINT",)
