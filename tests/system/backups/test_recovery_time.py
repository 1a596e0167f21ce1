"""How long a restore takes, and what it loses, when a writer is killed at any moment."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from data_nexus.database.embedded import embedded_server, remove
from tests.support.postgres.tables import eventually, value
from tests.support.programs.commands import commands_at
from tests.support.vendor.sandbox import sandbox

ASSETS, YEARS = 100, 20
WITHIN_SEC = 30


@pytest.mark.campaign(ASSETS, "assets of", YEARS, "years")
def test_a_load_that_is_killed_is_restored_by_backups_and_log_in_time(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Full and incremental backups and the stream, while the load is killed and begun again."""
    kept, restored = tmp_path / "kept", tmp_path / "restored"
    with sandbox(symbols=ASSETS, years=YEARS, clean=True) as vendor:
        commands = commands_at(tmp_path, vendor)
        home = tmp_path / "nexus"
        try:
            with embedded_server(home) as url:
                assert commands.run("discover", "--exchange", "US").code == 0
                to = ("db", "backup", "--to", str(kept))
                with commands.running_process(*to, "--follow") as following:
                    eventually(lambda: list((kept / "wal").glob("*/*.partial")))
                    for _ in range(3):
                        with commands.running_process("backfill", "--exchange", "US") as load:
                            time.sleep(random.uniform(1.5, 4.0))  # noqa: S311
                            made = commands.run(*to)
                            assert made.code == 0, made.stderr
                            load.signal(signal.SIGKILL)
                    assert commands.run("backfill", "--exchange", "US").code == 0
                    bars = value(url, "SELECT count(*) FROM market_data")
                    time.sleep(2.0)
                    following.signal(signal.SIGKILL)
            source = ("--from", str(kept), "--into", str(restored))
            done = commands.run("db", "restore", *source, "--json")
            assert done.code == 0, done.stderr
            record_property("size", f"{bars} bars in {done.answer['duration_sec']} s")
            with embedded_server(restored) as url:
                assert value(url, "SELECT count(*) FROM market_data") == bars
            assert done.answer["duration_sec"] <= WITHIN_SEC
        finally:
            remove(home)
            remove(restored)
