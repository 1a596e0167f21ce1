"""Let in whoever knows the password: logins that expire, and a limit for who guesses."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from data_nexus.config import Settings
from data_nexus.config.private_files import read_private
from data_nexus.errors import UsageError

VARIABLE = "NEXUS_DASHBOARD_PASSWORD_FILE"
LOGIN_SEC = 12 * 3600.0
_SHORTEST = 12
_MOST_LOGINS = 1_000
# Wrong passwords in the window after which an address, or everyone, must wait.
_WINDOW_SEC = 900.0
_MOST_FAILURES, _MOST_OF_ALL = 10, 200
# Some 16 MB and a twentieth of a second for each try.
_COST = {"n": 2**14, "r": 8, "p": 1}
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, repr=False)
class Password:
    """A password of which only a salted hash is kept."""

    salt: bytes
    digest: bytes
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @staticmethod
    def of(text: str) -> Password:
        """Return what recognizes a password."""
        salt = secrets.token_bytes(16)
        return Password(salt, _digest(text, salt))

    async def is_right(self, text: str) -> bool:
        """Return whether a text is the password; one is tried at a time."""
        async with self._turn:
            digest = await asyncio.to_thread(_digest, text, self.salt)
        return hmac.compare_digest(digest, self.digest)


def read_password(settings: Settings) -> Password | None:
    """Return what recognizes the password of the settings' file; None if they name none.

    Raises `UsageError` for a file that others can read and for a password that is too short.
    """
    if not (name := settings.dashboard_password_file):
        return None
    text = read_private(VARIABLE, name, "the password").strip("\r\n")
    if len(text) < _SHORTEST:
        raise UsageError(
            f"{VARIABLE}: {name}: the password has fewer than {_SHORTEST} characters; write a"
            " longer one"
        )
    return Password.of(text)


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """One browser that is logged in; `csrf` is in each of its forms."""

    csrf: str
    expires_at: float


@dataclass(slots=True)
class Logins:
    """The logins of a server, by a hash of their ids; they end with it. `clock` gives seconds."""

    clock: Clock = time.monotonic
    _known: OrderedDict[bytes, Login] = field(default_factory=OrderedDict)

    def begin(self) -> str:
        """Return the id of a new login; of too many the oldest one ends."""
        name = secrets.token_urlsafe(32)
        login = Login(secrets.token_urlsafe(32), self.clock() + LOGIN_SEC)
        self._known[_hashed(name)] = login
        while len(self._known) > _MOST_LOGINS:
            self._known.popitem(last=False)
        return name

    def find(self, name: str) -> Login | None:
        """Return the login of an id, unless it has expired."""
        login = self._known.get(_hashed(name))
        if login is None or login.expires_at > self.clock():
            return login
        self.end(name)
        return None

    def is_live(self, login: Login) -> bool:
        """Return whether a login has neither ended nor expired."""
        is_known = any(known is login for known in self._known.values())
        return is_known and login.expires_at > self.clock()

    def end(self, name: str) -> None:
        """End the login of an id."""
        self._known.pop(_hashed(name), None)


@dataclass(slots=True)
class LoginLimit:
    """Counts wrong passwords, by address and in all. `clock` gives seconds."""

    clock: Clock = time.monotonic
    _failures: deque[tuple[float, str]] = field(default_factory=deque)

    def wait_sec(self, address: str) -> float:
        """Return how long an address must wait before its next try; 0.0 if it need not."""
        now = self.clock()
        while self._failures and self._failures[0][0] <= now - _WINDOW_SEC:
            self._failures.popleft()
        own = [at for at, whose in self._failures if whose == address]
        if len(own) >= _MOST_FAILURES:
            return own[-_MOST_FAILURES] + _WINDOW_SEC - now
        if len(self._failures) >= _MOST_OF_ALL:
            return self._failures[-_MOST_OF_ALL][0] + _WINDOW_SEC - now
        return 0.0

    def note_failure(self, address: str) -> None:
        """Count a wrong password."""
        self._failures.append((self.clock(), address))

    def forgive(self, address: str) -> None:
        """Forget the wrong passwords of an address that knows the right one."""
        kept = [each for each in self._failures if each[1] != address]
        self._failures = deque(kept)


def _digest(text: str, salt: bytes) -> bytes:
    return hashlib.scrypt(text.encode(), salt=salt, dklen=32, **_COST)


def _hashed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
