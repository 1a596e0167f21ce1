"""A worker with a port for metrics: a newcomer's way, from nothing to what Prometheus reads."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.files.promtool import promtool
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import eventually
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.canary import disguises
from tests.support.vendor.sandbox import fetch, sandbox

SYMBOLS = 12


@dataclass(frozen=True, slots=True)
class Watched:
    """What a worker showed when it had done its work, what status said, and its log."""

    text: str
    status: Any
    token: str
    log: list[dict[str, object]]
    ready: int

    def value(self, name: str, **labels: str) -> float:
        """The value of a sample."""
        return next(
            sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@pytest.fixture(scope="module")
def watched(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A worker that has loaded a small market."""
    folder = tmp_path_factory.mktemp("watched")
    with (
        cluster.fresh_database() as url,
        sandbox(symbols=SYMBOLS, clean=True, bars_per_symbol=30) as vendor,
    ):
        commands = commands_at(folder, vendor, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        yield _worked(commands, vendor.token)


def _worked(commands: Commands, token: str) -> Watched:
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    asked = ("--metrics-port", str(port), "--log-format", "json", "--log-level", "debug")

    def loaded() -> bool:
        text = fetch(f"{address}/metrics").body.decode()
        return f'nexus_asset_outcomes_total{{outcome="synced"}} {SYMBOLS}.0' in text

    def is_shown(status: Any) -> bool:  # noqa: ANN401 - JSON
        text = fetch(f"{address}/metrics").body.decode()
        fresh = status["assets"]["fresh"]
        return f'nexus_assets_fresh{{exchange="US"}} {fresh}.0' in text

    with commands.running("worker", *asked, poll_seconds=0.2) as worker:
        worker.says("RunStarted")
        eventually(loaded)
        eventually(lambda: is_shown(commands.run("status", "--json").answer))
        text = fetch(f"{address}/metrics").body.decode()
        status = commands.run("status", "--json").answer
        ready = fetch(f"{address}/ready").status
        worker.signal(signal.SIGTERM)
        ended = worker.end()
    log = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    return Watched(text, status, token, log, ready)


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def test_its_gauges_are_what_status_says(watched: Watched) -> None:
    assets = watched.status["assets"]
    for name, gauge in (
        ("total", "assets"),
        ("with_data", "assets_with_bars"),
        ("fresh", "assets_fresh"),
        ("stale", "assets_stale"),
        ("settled", "assets_settled"),
        ("parked", "dead_letters"),
    ):
        assert watched.value(f"nexus_{gauge}", exchange="US") == assets[name], name
    quota = watched.status["quota"]
    assert watched.value("nexus_quota_limit_calls") == quota["limit"]
    assert watched.value("nexus_workers") == 1
    assert watched.ready == 200


def test_its_counters_are_what_was_done(watched: Watched) -> None:
    assert watched.value("nexus_rows_total", outcome="inserted") == watched.status["rows"]
    assert watched.value("nexus_requests_total", endpoint="eod", status="200") == SYMBOLS
    assert watched.value("nexus_request_seconds_count", endpoint="eod") == SYMBOLS


def test_promtool_has_nothing_to_say_about_it(watched: Watched) -> None:
    checked = subprocess.run(
        [promtool(), "check", "metrics"],
        input=watched.text,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_key_is_in_no_metric(watched: Watched) -> None:
    assert disguises(watched.text.encode(), watched.token) == []


def test_each_line_of_its_log_says_to_which_run_it_belongs(watched: Watched) -> None:
    assert {line["command"] for line in watched.log} == {"worker"}
    committed = [line for line in watched.log if line["event"] == "Committed"]
    assert len(committed) == SYMBOLS
    assert len({line["run_id"] for line in committed}) == 1
