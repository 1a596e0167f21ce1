"""What starts the program with a machine: units that systemd takes, and no secret in sight."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.source import ROOT, read

UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
KUBERNETES = read("deploy/kubernetes/nexus.yaml")
MANIFEST = {
    (each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load(KUBERNETES)["items"]
}
CRON = read("deploy/cron/nexus")
PROGRAM = "/opt/nexus/bin/nexus"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    names = []
    for unit in UNITS:
        name = unit.name.replace("@.", "@1.")
        text = unit.read_text(encoding="utf-8").replace(PROGRAM, sys.executable)
        (tmp_path / name).write_text(text, encoding="utf-8")
        names.append(str(tmp_path / name))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_has_no_rights_and_is_handed_its_key_in_a_file(unit: Path) -> None:
    lines = unit.read_text(encoding="utf-8").splitlines()
    assert {
        "User=nexus",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "LoadCredential=eodhd-key:/etc/nexus/eodhd-key",
        "Environment=EODHD_API_KEY_FILE=%d/eodhd-key",
        "SuccessExitStatus=75",
    } <= {*lines}
    assert [line for line in lines if re.search(r"API_KEY=|PASSWORD=", line)] == []


def test_a_stop_takes_longer_than_the_grace() -> None:
    for unit in SERVICES:
        (stop,) = re.findall(
            r"^TimeoutStopSec=(\d+)$", unit.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert int(stop) > 2 * 25


def pods() -> list[dict[str, Any]]:
    """What the pods of each deployment are made of."""
    found = [
        each["spec"]["template"]["spec"]
        for (kind, _), each in MANIFEST.items()
        if kind == "Deployment"
    ]
    assert len(found) == 2
    return found


def containers() -> list[dict[str, Any]]:
    """Every container of every pod."""
    return [each for pod in pods() for each in (*pod["initContainers"], *pod["containers"])]


def test_in_kubernetes_no_container_has_rights_or_a_secret_in_its_environment() -> None:
    assert "secretKeyRef" not in KUBERNETES
    assert "secretRef" not in KUBERNETES
    assert [name for name in MANIFEST["ConfigMap", "nexus"]["data"] if "PASSWORD" in name] == []
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
    for container in containers():
        rights = container["securityContext"]
        assert rights["readOnlyRootFilesystem"]
        assert not rights["allowPrivilegeEscalation"]
        assert rights["capabilities"] == {"drop": ["ALL"]}


def test_in_kubernetes_what_is_mounted_is_there_and_images_have_a_version() -> None:
    for pod in pods():
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in (*pod["initContainers"], *pod["containers"]):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert re.search(r":\d[\w.-]*$", container["image"])


def test_in_kubernetes_a_database_that_is_away_restarts_nothing() -> None:
    for pod in pods():
        for container in pod["containers"]:
            assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    (service,) = MANIFEST["Service", "nexus"]["spec"]["ports"]
    (daemon,) = (pod["containers"][0] for pod in pods() if pod["containers"][0]["name"] == "daemon")
    assert daemon["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert service["targetPort"] in {port["name"] for port in daemon["ports"]}


def test_cron_has_the_key_in_a_file() -> None:
    assert re.findall(r"^EODHD_API_KEY\w*", CRON, re.MULTILINE) == ["EODHD_API_KEY_FILE"]
    lines = re.findall(r"^(?:# )?(\S+ \S+ \S+ \S+ \S+)  (\S+) (\w+)", CRON, re.MULTILINE)
    assert [command for _, _, command in lines] == ["run", "update"]
