"""The wheel works for another user, in a home with a blank and an umlaut, on each Python."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.programs.installed import OtherUser, install_wheel, other_user

PYTHONS = ("3.11", "3.12", "3.13")
TOKEN = "somebodys00.00000000"  # noqa: S105 - valid at the simulated vendor alone


@contextmanager
def vendor_of(user: OtherUser) -> Iterator[dict[str, str]]:
    """The settings for a simulated vendor that the user has started."""
    program = user.command(user.nexus, "sandbox", "--symbols", "20", "--years", "3")
    environment = user.environment({"NEXUS_SANDBOX_TOKEN": TOKEN})
    with subprocess.Popen(
        program, cwd=user.home, env=environment, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        ready = json.loads(child.stdout.readline())
        try:
            yield {"EODHD_BASE_URL": ready["url"], "EODHD_API_KEY": TOKEN}
        finally:
            child.terminate()
            child.wait(60)


@pytest.mark.campaign(1, "wheel")
@pytest.mark.parametrize("version", PYTHONS)
def test_a_wheel_works_for_another_user_wherever_its_home_is(version: str) -> None:
    with other_user(version) as user:
        install_wheel(user)
        demo = user.run(user.nexus, "demo").stdout
        (explore,) = re.findall(r"Explore the demo's database:\n((?:  .+\n)+)", demo)
        shown = user.run("sh", "-e", "-c", explore).stdout
        assert "assets" in shown
        called = shlex.split(explore.splitlines()[1])[0]
        assert (user.home / called).samefile(user.nexus)

        with vendor_of(user) as settings:
            got = user.run(user.nexus, "get", "AAPL.US", **settings).stdout
            assert re.search(r"AAPL\.US, \d+ bars", got)
        for name, begins in (("ein bild.png", b"\x89PNG"), ("ein bild.html", b"<")):
            user.run(user.nexus, "plot", "AAPL.US", "--out", name)
            assert (user.home / name).read_bytes().lstrip().startswith(begins)
        assert not (
            user.home / ".local" / "share" / "data-nexus" / "postgres" / "location"
        ).exists()
