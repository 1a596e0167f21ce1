"""Find and make the folders of the embedded PostgreSQL: of its cluster and of its socket.

A cluster directory holds `cluster/` (the data, 0700, the server's account's), `run/` (the
socket), and files that the server may only read or append to: `settings.conf` and `server.log`.
It is `<home>/postgres`. Only when root's server account cannot reach that (a home in `/root`), it
is a separate folder below `/var/lib/data-nexus`, which `<home>/postgres/location` names.

`<home>/postgres` also holds the two locks of `data_nexus.database.embedded`.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from data_nexus.config import read_regular
from data_nexus.database.embedded.os_account import (
    MAJOR_VERSION,
    SYSTEM_FOLDER,
    ServerAccount,
    account_for_new_cluster,
    account_of,
    make_system_folder,
)
from data_nexus.errors import StorageUnavailable

# The longest one: a server that listens has the socket named after its port.
_SOCKET_NAME = ".s.PGSQL.65535"
_LONGEST_SOCKET_PATH = 103  # macOS; Linux takes 107.
_UNNAMEABLE = set(b",\n")


@dataclass(frozen=True, slots=True)
class ClusterDirectory:
    """A folder for one cluster, and the account that owns it."""

    folder: Path
    account: ServerAccount

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "cluster"

    @property
    def settings(self) -> Path:
        """The settings that are written at each start."""
        return self.folder / "settings.conf"

    @property
    def access(self) -> Path:
        """Who may connect: `pg_hba.conf`, written at each start."""
        return self.folder / "access.conf"

    @property
    def users(self) -> Path:
        """The empty `pg_ident.conf`, written at each start."""
        return self.folder / "users.conf"

    @property
    def log(self) -> Path:
        """The messages of the server."""
        return self.folder / "server.log"

    @property
    def socket_record(self) -> Path:
        """The file that names the socket's folder, once the server was started."""
        return self.folder / "socket"


def postgres_folder(home: Path) -> Path:
    """`<home>/postgres`, absolute."""
    return home.expanduser().resolve() / "postgres"


def make_postgres_folder(home: Path) -> Path:
    """Make `<home>/postgres`: private, except that root's server account may pass through."""
    folder = postgres_folder(home)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as exc:
        message = f"cannot make {folder}: {exc.strerror}; set NEXUS_HOME to a folder of your own"
        raise StorageUnavailable(message) from exc
    return folder


def cluster_folder(home: Path) -> Path:
    """The folder of the home's cluster, or of its next one if none was recorded elsewhere."""
    record = postgres_folder(home) / "location"
    return _path_in(record) if record.exists() else postgres_folder(home)


def known_directory(home: Path) -> ClusterDirectory | None:
    """The home's own cluster, sound or not; None if there is none."""
    folder = cluster_folder(home)
    if not (folder / "cluster").exists() or not _is_own(folder, home):
        return None
    return ClusterDirectory(folder, account_of(folder / "cluster"))


def find_directory(home: Path) -> ClusterDirectory | None:
    """The home's own cluster, checked to be usable by this version; None for a new home.

    Raises `StorageUnavailable` for a recorded cluster that is gone or is another home's: a new
    database in its place would look like lost data.
    """
    _prove_recorded(home)
    directory = known_directory(home)
    if directory is not None:
        _prove_usable(directory)
    return directory


def make_directory(home: Path) -> ClusterDirectory:
    """Choose the folder of a new cluster; `record_directory` records the choice."""
    account = account_for_new_cluster()
    if account.reaches(postgres_folder(home)):
        return ClusterDirectory(postgres_folder(home), account)
    for unfinished in SYSTEM_FOLDER.glob("site-*"):
        if _is_own(unfinished, home) and not (unfinished / "cluster").exists():
            shutil.rmtree(unfinished, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="site-", dir=make_system_folder()))
    folder.chmod(0o711)
    write_whole(folder / "home", str(postgres_folder(home)))
    return ClusterDirectory(folder, account)


def record_directory(home: Path, directory: ClusterDirectory) -> None:
    """Record the folder of a complete cluster; until then a crash leaves the home without one."""
    if directory.folder != postgres_folder(home):
        write_whole(postgres_folder(home) / "location", str(directory.folder))


def drop_directory(home: Path) -> None:
    """Delete the home's cluster and whatever else belongs to its server."""
    folder = cluster_folder(home)
    if folder != postgres_folder(home) and _is_own(folder, home):
        shutil.rmtree(folder)
    shutil.rmtree(postgres_folder(home))


def make_socket_folder(directory: ClusterDirectory) -> Path:
    """Make the private folder of the socket for one run of the server, and record it.

    `run/` beside the cluster, if a socket's path may be that long and libpq, which splits hosts at
    commas, can name it; else a new folder below the platform's temporary one.
    """
    drop_socket_folder(directory)
    folder = directory.folder / "run"
    if _is_usable(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    else:
        parent = Path(tempfile.gettempdir())
        parent = parent if _is_usable(parent / "data-nexus-12345678") else Path("/tmp")  # noqa: S108  # nosec B108
        folder = Path(tempfile.mkdtemp(prefix="data-nexus-", dir=parent))
    write_whole(folder / "cluster", str(directory.cluster))
    directory.account.own(folder)
    write_whole(directory.socket_record, str(folder))
    return folder


def socket_folder(directory: ClusterDirectory) -> Path | None:
    """The recorded folder of the socket, if it is there, private, and this cluster's.

    The folder names its cluster in return: a copied home has the record of its original.
    """
    if not directory.socket_record.exists():
        return None
    folder = _path_in(directory.socket_record)
    try:
        status = folder.lstat()
        is_own = _path_in(folder / "cluster") == directory.cluster
    except OSError:
        return None
    is_private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == stat.S_IRWXU
    return folder if is_own and is_private and status.st_uid == directory.account.uid else None


def drop_socket_folder(directory: ClusterDirectory) -> None:
    """Remove the socket's folder and its record."""
    folder = socket_folder(directory)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    directory.socket_record.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replace a file so that a crash leaves the old text or the new one."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        os.fchmod(file.fileno(), 0o644)  # The folder decides which accounts come here.
        file.write(os.fsencode(text))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _path_in(record: Path) -> Path:
    return Path(os.fsdecode(content_of(record)))


def content_of(path: Path) -> bytes:
    """Return the content of a file of a home; raise `StorageUnavailable` if it cannot be read."""
    try:
        return read_regular(path)
    except OSError as error:
        raise StorageUnavailable(
            f"embedded PostgreSQL: {path}: {error.strerror}; restore a backup into a new NEXUS_HOME"
        ) from None


def _is_own(folder: Path, home: Path) -> bool:
    """Whether a folder names in return the home that names it; a copied home's does not."""
    if folder == postgres_folder(home):
        return True
    backward = folder / "home"
    return backward.exists() and _path_in(backward) == postgres_folder(home)


def _prove_recorded(home: Path) -> None:
    record = postgres_folder(home) / "location"
    folder = cluster_folder(home)
    if folder == postgres_folder(home):
        return
    if not (folder / "cluster").exists():
        message = (
            f"the database that {record} names is gone: {folder}/cluster; restore that folder,"
            f" or delete {record} to begin with an empty database"
        )
        raise StorageUnavailable(message)
    if not _is_own(folder, home):
        message = (
            f"the database that {record} names belongs to another home: if that was moved here,"
            f" write {postgres_folder(home)} into {folder}/home; if it was copied, delete {record}"
        )
        raise StorageUnavailable(message)


def _prove_usable(directory: ClusterDirectory) -> None:
    version = directory.cluster / "PG_VERSION"
    found = os.fsdecode(content_of(version)).strip() if version.exists() else "unknown"
    if found != MAJOR_VERSION:
        message = (
            f"{directory.cluster} is a cluster of PostgreSQL version {found}; this Data Nexus"
            f" brings {MAJOR_VERSION}: take a dump by the Data Nexus that made it (nexus db backup"
            " --dump), then restore that by this one (nexus db restore --replace)"
        )
        raise StorageUnavailable(message)
    if not directory.account.reaches(directory.folder):
        message = (
            f"the owner of {directory.cluster} cannot reach it: let its account pass (x) through"
            " every folder above"
        )
        raise StorageUnavailable(message)


def _is_usable(folder: Path) -> bool:
    name = os.fsencode(folder / _SOCKET_NAME)
    return len(name) <= _LONGEST_SOCKET_PATH and not set(name) & _UNNAMEABLE
