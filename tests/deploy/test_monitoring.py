"""What is shipped for Prometheus and Grafana is valid, tested, and names only what exists."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_nexus.observe.metric_table import METRICS, Kind
from tests.support.files.promtool import promtool
from tests.support.source import ROOT, read

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = read("deploy/prometheus/alerts.yml")
TESTS = read("deploy/prometheus/alerts_test.yml")
HOW_TO = read("docs/how-to/watch-it-with-prometheus.md")
DASHBOARD = json.loads(read("deploy/grafana/nexus.json"))
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$exchange": ".*"}
SHOWN = {
    f"{metric.name}{suffix}"
    for metric in METRICS
    for suffix in (("_bucket", "_count", "_sum") if metric.kind is Kind.HISTOGRAM else ("",))
}


def checked(*arguments: str | Path) -> str:
    """What promtool says; the test fails if it finds something."""
    done = subprocess.run(
        [promtool(), *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expressions(panels: list[dict[str, Any]]) -> Iterator[str]:
    """The expressions of all panels, as Prometheus is asked them."""
    for panel in panels:
        for target in panel["targets"]:
            text: str = target["expr"]
            for variable, value in VARIABLES.items():
                text = text.replace(variable, value)
            yield text


def named(text: str) -> set[str]:
    """The metrics that a text names."""
    return set(re.findall(r"\bnexus_\w+", text))


def test_the_configuration_is_valid_and_asks_this_machine_only() -> None:
    assert "14 rules found" in checked("check", "config", "prometheus.yml")
    targets = re.findall(
        r"^ +- ([\w.]+:\d+)$", read("deploy/prometheus/prometheus.yml"), re.MULTILINE
    )
    assert targets == ["127.0.0.1:9477"]


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in checked("test", "rules", "alerts_test.yml")


def test_each_alert_has_a_test_and_a_line_in_the_how_to() -> None:
    alerts = re.findall(r"- alert: (\w+)", ALERTS)
    assert len(alerts) == len(set(alerts)) == 14
    assert set(alerts) == set(re.findall(r"- alertname: (\w+)", TESTS))
    assert set(alerts) == set(re.findall(r"`(Nexus\w+)`", HOW_TO))


def test_a_test_of_an_alert_fails_if_the_alert_is_broken(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(ALERTS.replace("== 0", "== 2", 1), encoding="utf-8")
    (tmp_path / "alerts_test.yml").write_text(TESTS, encoding="utf-8")
    command = [promtool(), "test", "rules", "alerts_test.yml"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode != 0


@pytest.mark.parametrize("text", [ALERTS, TESTS, HOW_TO, *expressions(DASHBOARD["panels"])])
def test_only_metrics_that_exist_are_named(text: str) -> None:
    assert named(text) - SHOWN == set()


def test_the_dashboard_s_expressions_can_be_read(tmp_path: Path) -> None:
    asked = list(expressions(DASHBOARD["panels"]))
    assert len(asked) > 20
    rules = [{"record": f"asked:{number}", "expr": text} for number, text in enumerate(asked)]
    file = tmp_path / "rules.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}), encoding="utf-8")
    assert f"{len(asked)} rules found" in checked("check", "rules", file)


def test_the_dashboard_shows_most_of_what_is_measured_and_each_panel_once() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids)) == len(set(titles))
    assert len(named(" ".join(expressions(DASHBOARD["panels"])))) > 20
