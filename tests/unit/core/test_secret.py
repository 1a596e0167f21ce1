"""A token shows itself to nobody, and is read only from where others cannot read it."""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from data_nexus.config import Secret, Settings, load_settings
from data_nexus.config.private_files import read_private
from data_nexus.domain.texts import excerpt
from data_nexus.errors import UsageError
from tests.support.vendor.canary import disguises

TOKEN = "canary5f3a9c01e7.28841620"  # noqa: S105 - nobody's
SECRET = Secret(TOKEN)
VARIABLE = "EODHD_API_KEY_FILE"
SERVICE = 65_534  # an account without rights
WAYS_TO_SHOW: dict[str, Callable[[Secret], str]] = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "format of repr": "{!r:>40}".format,
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - logging does it so
    "json": lambda secret: json.dumps({"token": secret}, default=str),
    "within others": lambda secret: repr([secret, {"token": secret}]),
    "error": lambda secret: str(UsageError(secret)),
    "settings": lambda secret: repr(Settings(token=secret)),
}


def settings_with(folder: Path, **environ: str) -> Settings:
    """The settings of a command in an empty folder with that environment."""
    return load_settings(environ={"NEXUS_HOME": str(folder)} | environ, folder=folder)


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    """A file with the content and the mode."""
    path = folder / "key"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_a_secret_is_read_by_revealing_it() -> None:
    assert SECRET.reveal() == TOKEN


@pytest.mark.parametrize("show", WAYS_TO_SHOW.values(), ids=WAYS_TO_SHOW.keys())
def test_a_secret_shown_is_three_stars(show: Callable[[Secret], str]) -> None:
    assert disguises(show(SECRET).encode(), TOKEN) == []


HIDDEN = {
    "a zero-width space": "\u200b".join(TOKEN),
    "a variation selector": "\ufe0f".join(TOKEN),
    "a NUL": "\0".join(TOKEN),
    "a tag": TOKEN[:9] + "\U000e0041\U000e0042" + TOKEN[9:],
    "escaped as JSON": r"\u200b".join(TOKEN),
    "escaped for a URL": "%E2%80%8B".join(TOKEN),
    "an entity": "&#8203;".join(TOKEN),
    "a named entity": "&ZeroWidthSpace;".join(TOKEN),
    "entities": "".join(f"&#{ord(c)};" for c in TOKEN),
    "hexadecimal entities": "".join(f"&#x{ord(c):02X};" for c in TOKEN),
    "entities escaped again": TOKEN.replace(".", "&amp;period;"),
    "percent-encoded": "".join(f"%{ord(c):02x}" for c in TOKEN),
}


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_token_with_what_nobody_sees_between_is_redacted_whole(hidden: str) -> None:
    text = f"Schl\u00fcssel {hidden} ist ung\u00fcltig"
    expected = "Schl\u00fcssel *** ist ung\u00fcltig"
    assert SECRET.redact(text) == expected
    assert SECRET.redact_body(text.encode()).decode() == expected
    assert excerpt(text, 200, SECRET.redact) == expected
    assert excerpt(text.encode(), 200, SECRET.redact) == expected


def test_words_are_not_joined_to_a_token() -> None:
    text = "made\u00a0mobile, d e m o, dem\no \u00e9"
    assert Secret("demo").redact(text) == text.replace("de\u00a0mo", "***")
    assert SECRET.redact_body(f"{TOKEN[:9]} {TOKEN[9:]} \u00e9".encode()).count(b"*") == 0


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(SECRET, protocol)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, msgspec.json.encode, vars, json.dumps]
)
def test_a_secret_is_not_copied_encoded_or_listed(copied: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as caught:
        copied(SECRET)
    assert disguises(str(caught.value).encode(), TOKEN) == []


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_file_that_only_its_owner_reads_is_read(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, f" {TOKEN}\r\n".encode(), mode)
    assert settings_with(tmp_path, EODHD_API_KEY_FILE=path).require_token().reveal() == TOKEN


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666])
def test_a_key_file_that_others_could_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, TOKEN.encode(), mode)
    with pytest.raises(UsageError, match=f"{VARIABLE}: others can read .* chmod 600") as caught:
        settings_with(tmp_path, EODHD_API_KEY_FILE=path)
    assert disguises(str(caught.value).encode(), TOKEN) == []


@contextmanager
def as_a_service() -> Iterator[None]:
    """Be an account that is neither root nor has a file of its own."""
    os.setegid(SERVICE)
    os.seteuid(SERVICE)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand a file to another account")
@pytest.mark.parametrize(
    ("owner", "mode", "is_read"),
    [
        (0, 0o440, True),
        (0, 0o640, True),
        (0, 0o660, False),
        (0, 0o444, False),
        (0, 0o450, False),
        (SERVICE, 0o440, False),
        (SERVICE, 0o400, True),
    ],
)
def test_a_service_reads_what_root_hands_to_its_group_alone(
    owner: int, mode: int, *, is_read: bool
) -> None:
    """As `LoadCredential=` of systemd and a Secret of Kubernetes with `fsGroup` do it."""
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        path = key_file(Path(folder), TOKEN.encode(), mode)
        os.chown(path, owner, SERVICE)
        refused = nullcontext() if is_read else pytest.raises(UsageError, match="others can read")
        with as_a_service(), refused:
            assert read_private(VARIABLE, path, "the key") == TOKEN


@pytest.mark.parametrize(
    "content", [b"", b" \n", TOKEN.encode("utf-16")], ids=["empty", "blank", "UTF-16"]
)
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = key_file(tmp_path, content)
    with pytest.raises(UsageError, match=VARIABLE) as caught:
        settings_with(tmp_path, EODHD_API_KEY_FILE=path)
    assert disguises(str(caught.value).encode("utf-8", "replace"), TOKEN) == []


@pytest.mark.parametrize("text", [f"\ufeff{TOKEN}\r\n", f" \ufeff{TOKEN}"])
def test_a_byte_order_mark_is_no_part_of_the_key(tmp_path: Path, text: str) -> None:
    path = key_file(tmp_path, text.encode())
    assert settings_with(tmp_path, EODHD_API_KEY_FILE=path).require_token().reveal() == TOKEN
    assert settings_with(tmp_path, EODHD_API_KEY=text).require_token().reveal() == TOKEN


NOT_A_KEY_ALONE = {
    f"EODHD_API_KEY={TOKEN}": "assigns a variable",
    f"export EODHD_API_KEY = {TOKEN}": "assigns a variable",
    f"eodhd_api_token={TOKEN}": "assigns a variable",
    f"{TOKEN}\nanother": "more than one line",
    f"# mine\n{TOKEN}": "more than one line",
    f'"{TOKEN}"': "in quotation marks",
    f"'{TOKEN}'": "in quotation marks",
    f"\u201c{TOKEN}\u201d": "in quotation marks",
    f"{TOKEN[:9]} {TOKEN[9:]}": "cannot be part of a key",
    f"{TOKEN}\u200b": "cannot be part of a key",
    f"{TOKEN}\x00": "cannot be part of a key",
}


@pytest.mark.parametrize(("text", "reason"), NOT_A_KEY_ALONE.items(), ids=ascii)
def test_what_is_not_the_key_alone_is_refused_with_a_sentence(
    tmp_path: Path, text: str, reason: str
) -> None:
    path = key_file(tmp_path, text.encode())
    for environ in ({VARIABLE: path}, {"EODHD_API_KEY": text}):
        with pytest.raises(UsageError, match=f"EODHD_API_KEY.*: .*{reason}") as caught:
            settings_with(tmp_path, **environ)
        assert disguises(str(caught.value).encode(), TOKEN) == []


def test_a_key_file_that_is_no_small_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in (str(tmp_path / "pipe"), "/dev/zero", "/dev/null"):
        with pytest.raises(UsageError, match=f"{VARIABLE}: {name} is not a regular file"):
            settings_with(tmp_path, EODHD_API_KEY_FILE=name)
    path = key_file(tmp_path, b"k" * 4097)
    with pytest.raises(UsageError, match="larger than 4 kB"):
        settings_with(tmp_path, EODHD_API_KEY_FILE=path)


@pytest.mark.parametrize("name", ["", "missing"])
def test_a_key_file_that_is_no_file_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    reason = "No such file" if name else "Is a directory"
    with pytest.raises(UsageError, match=f"{VARIABLE}: {path}: {reason}"):
        settings_with(tmp_path, EODHD_API_KEY_FILE=str(path))


def test_the_variable_is_preferred_to_the_file(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, EODHD_API_KEY=f" {TOKEN}\n", EODHD_API_KEY_FILE="/missing")
    assert settings.require_token().reveal() == TOKEN


@pytest.mark.parametrize("environ", [{}, {"EODHD_API_KEY": ""}, {"EODHD_API_KEY": " \n"}])
def test_without_a_key_the_ways_to_go_on_are_named(tmp_path: Path, environ: dict[str, str]) -> None:
    settings = settings_with(tmp_path, **environ)
    assert settings.token is None
    with pytest.raises(UsageError, match=r"EODHD_API_KEY, or EODHD_API_KEY_FILE.*`nexus demo`"):
        settings.require_token()


def test_another_token_changes_nothing_else(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, EODHD_API_KEY=TOKEN, NEXUS_CONCURRENCY="7")
    other = replace(settings, token=Secret("another"))
    assert other.require_token().reveal() == "another"
    assert settings.require_token().reveal() == TOKEN
    assert replace(other, token=settings.token) == settings
