"""What the container files promise: only this machine is listened to, and no image holds a token.

They are read as lines: YAML needs a parser that nothing else here needs.
"""

from __future__ import annotations

import re

from tests.support.source import read

COMPOSE = read("docker-compose.yml")
DOCKERFILE = read("Dockerfile")


def test_ports_are_open_to_this_machine_only() -> None:
    published = re.findall(r"^ +- \"?((?:[\w.]+:)?\d+:\d+)", COMPOSE, flags=re.MULTILINE)
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_the_token_comes_as_a_secret_never_in_the_environment() -> None:
    settings = [line.strip() for line in COMPOSE.splitlines() if "API_KEY" in line.upper()]
    assert "EODHD_API_KEY_FILE: /run/secrets/eodhd_api_key" in settings
    assert [line for line in settings if re.match(r"-? ?EODHD_API_KEY\b[:=]?", line)] == []
    assert "API_KEY" not in DOCKERFILE.upper()


def test_no_password_is_written_down() -> None:
    values = re.findall(r"PASSWORD: (.*)", COMPOSE)
    assert values
    assert [value for value in values if not value.startswith("${")] == []


def test_images_are_pinned_to_a_version() -> None:
    images = re.findall(r"^(?: +image:|FROM) (\S+)", COMPOSE + DOCKERFILE, flags=re.MULTILINE)
    assert images
    assert [image for image in images if not re.search(r":v?\d[\w.-]*$", image)] == []


def test_the_image_runs_as_a_user_of_its_own() -> None:
    assert re.findall(r"^USER (.*)", DOCKERFILE, flags=re.MULTILINE) == ["nexus"]


def test_the_image_installs_only_what_is_pinned() -> None:
    installs = re.findall(r"pip install .*", DOCKERFILE)
    assert installs
    assert [i for i in installs if "--require-hashes" not in i and "--no-index" not in i] == []
