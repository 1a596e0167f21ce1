"""`nexus` as another user has it: installed from a wheel, in a home with a blank and an umlaut.

That user may not enter the folders of the one who runs the tests. A Python that lies there is shown
at its place in a mount namespace of its own; all else of that folder is hidden in it.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.source import ROOT, read

_USER = "nobody"
_PATIENCE_SEC = 900
# Mount a folder at its own path below another one that the user may not enter.
_SHOWING = """\
set -e
mount --bind "$0" "$2"
mount -t tmpfs -o mode=755 none "$1"
mkdir -p "$0"
mount --bind "$2" "$0"
shift 2
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class OtherUser:
    """A user without rights, a home of its own, and a Python for it."""

    home: Path
    python: Path
    prefix: Path

    @property
    def nexus(self) -> str:
        """The installed program."""
        return str(self.home / "venv" / "bin" / "nexus")

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, and expect that it ends well."""
        done = subprocess.run(
            self.command(*command),
            cwd=self.home,
            env=self.environment(environment),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SEC,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
        return done

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        """Nothing of the caller's but the ways to a package index."""
        ways = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
        plain = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        return ways | plain | {"HOME": str(self.home)} | more

    def command(self, *command: str | Path) -> list[str | Path]:
        """The command line that runs a program as this user."""
        user = pwd.getpwnam(_USER)
        ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        as_user = ["setpriv", *ids, "--no-new-privs", "--inh-caps=-all", *command]
        closed = next((each for each in reversed(self.prefix.parents) if not _is_open(each)), None)
        if closed is None:
            return as_user
        hold = self.home.parent / "python"
        hold.mkdir(exist_ok=True)
        shown = (self.prefix, closed, hold)
        return [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            _SHOWING,
            *shown,
            *as_user,
        ]


@contextmanager
def other_user(version: str) -> Iterator[OtherUser]:
    """A user with a Python of a version; skip where the machine lacks what that takes."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    lacking = [name for name in ("setpriv", "unshare", "mount") if not shutil.which(name)]
    if lacking:
        pytest.skip(f"no {', '.join(lacking)} on this machine")
    python = _python(version)
    prefix = _said(python, "import sys; print(sys.base_prefix)")
    with tempfile.TemporaryDirectory(prefix="nexus-other-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        home = place / "Jörg Müller"
        home.mkdir(0o700)
        user = pwd.getpwnam(_USER)
        os.chown(home, user.pw_uid, user.pw_gid)
        yield OtherUser(home, python, Path(prefix))


def install_wheel(user: OtherUser) -> None:
    """Build the wheel, and let the user install it with what draws, all at the pinned versions."""
    place = user.home.parent / "wheel"
    wheel = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*wheel, "--wheel-dir", place, ROOT], check=True, capture_output=True)
    (built,) = place.glob("*.whl")
    place.chmod(0o755)
    built.chmod(0o644)
    pins = place / "pins.txt"
    pins.write_text(
        re.sub(r" *\\\n +--hash=\S+", "", read("requirements-dev.txt")), encoding="utf-8"
    )
    user.run(user.python, "-m", "venv", "venv")
    pip = (user.home / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet")
    user.run(*pip, "--no-cache-dir", "--constraint", pins, f"{built}[plot]")


def _python(version: str) -> Path:
    """A Python of this version that can make virtual environments; or skip."""
    found = [
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"),
        *(Path(folder) / f"python{version}" for folder in ("/usr/local/bin", "/usr/bin")),
    ]
    for each in found:
        if each.exists() and _said(each, "import venv, ensurepip; print('whole')") == "whole":
            return each
    pytest.skip(f"no Python {version} with venv on this machine")


def _said(python: Path, program: str) -> str:
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _is_open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & 0o001)
