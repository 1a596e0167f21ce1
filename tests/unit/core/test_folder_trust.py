"""A folder's `nexus.toml` sets nothing that matters until a person has allowed that very file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_nexus.config import (
    SETTINGS,
    Settings,
    allow_folder_file,
    load_settings,
    settings_files,
    user_allowances,
)
from data_nexus.errors import UsageError

FREE = {
    *("log_format", "log_level", "concurrency", "batch_rows", "batch_seconds", "writers"),
    *("poll_seconds", "grace_seconds"),
}
PLACES = {
    "database_url": "postgresql://me@elsewhere.example/x",
    "eodhd_base_url": "https://elsewhere.example/api",
    "home": "nx",
    "schema": "other",
}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """An environment whose user has a home and a list of allowances of their own."""
    config = str(folder / "config")
    return {"NEXUS_HOME": str(folder / "home"), "XDG_CONFIG_HOME": config, **more}


def load(folder: Path, **more: str) -> Settings:
    return load_settings(environ=environment(folder, **more), folder=folder / "cloned")


def write_file(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "nexus.toml"
    path.write_text(text, encoding="utf-8")
    return path


def allow(folder: Path) -> None:
    allow_folder_file(environment(folder), folder / "cloned")


def test_these_settings_are_free_and_a_new_one_is_guarded_until_it_is_listed() -> None:
    assert {setting.key for setting in SETTINGS if not setting.is_guarded} == FREE


@pytest.mark.parametrize(
    "text",
    [
        *('signed_prices = "US"', "look_back = 0", "max_shrink = 9", "reread_days = 0"),
        *("attempts = 90", "days_old = 0", "reserve = 0", "audit_share = 0.9", "list_days = 0"),
        *("answer_cap = 9", "lease_seconds = 0.1", "answer_seconds = 0.01"),
    ],
)
def test_what_changes_what_is_believed_deleted_or_spent_needs_an_allowance(
    tmp_path: Path, text: str
) -> None:
    write_file(tmp_path / "cloned", text)
    with pytest.raises(UsageError, match=r"cannot be set by .* nexus config --trust"):
        load(tmp_path)
    allow(tmp_path)
    key, _, value = text.partition(" = ")
    assert str(getattr(load(tmp_path), key)) in (value, value.strip('"'), f"{value}.0")


@pytest.mark.parametrize(("key", "value"), PLACES.items())
def test_a_place_named_by_the_working_folder_is_refused_with_file_key_and_remedy(
    tmp_path: Path, key: str, value: str
) -> None:
    path = write_file(tmp_path / "cloned", f'{key} = "{value}"')
    with pytest.raises(UsageError) as refused:
        load(tmp_path, EODHD_API_KEY="canary5f3a9c01e7.28841620")
    assert str(refused.value).startswith(f"{path}: {key} cannot be set by")
    assert "nexus config --trust" in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(("key", "value"), PLACES.items())
def test_the_same_in_nexus_home_is_taken(tmp_path: Path, key: str, value: str) -> None:
    write_file(tmp_path / "home", f'{key} = "{value}"')
    [field] = [setting.field for setting in SETTINGS if setting.key == key]
    # The environment, which names the home here, is stronger than any file.
    expected = str(tmp_path / "home") if key == "home" else value
    assert getattr(load(tmp_path), field) == expected


def test_what_is_harmless_is_free(tmp_path: Path) -> None:
    write_file(tmp_path / "cloned", 'concurrency = 7\nlog_format = "json"')
    settings = load(tmp_path)
    assert (settings.concurrency, settings.log_format) == (7, "json")


def test_an_allowed_file_is_taken_until_its_content_changes(tmp_path: Path) -> None:
    path = write_file(tmp_path / "cloned", 'schema = "other"')
    allow(tmp_path)
    assert load(tmp_path).schema == "other"
    path.write_text('schema = "third"', encoding="utf-8")
    with pytest.raises(UsageError, match="schema cannot be set"):
        load(tmp_path)
    path.write_text('schema = "other"', encoding="utf-8")
    assert load(tmp_path).schema == "other"


def test_an_allowance_is_for_one_place(tmp_path: Path) -> None:
    text = 'schema = "other"'
    write_file(tmp_path / "cloned", text)
    allow(tmp_path)
    write_file(tmp_path / "another", text)
    with pytest.raises(UsageError, match="schema cannot be set"):
        load_settings(environ=environment(tmp_path), folder=tmp_path / "another")


def test_the_list_is_private_and_one_that_others_may_write_to_allows_nothing(
    tmp_path: Path,
) -> None:
    write_file(tmp_path / "cloned", 'schema = "other"')
    allow(tmp_path)
    file = user_allowances(environment(tmp_path)).file
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert load(tmp_path).schema == "other"
    file.chmod(0o620)
    with pytest.raises(UsageError, match="schema cannot be set"):
        load(tmp_path)


def test_a_list_that_came_along_below_the_home_allows_nothing(tmp_path: Path) -> None:
    write_file(tmp_path / "cloned", 'schema = "other"')
    allow(tmp_path)
    (tmp_path / "config").rename(tmp_path / "home")
    with pytest.raises(UsageError, match="schema cannot be set"):
        load(tmp_path)


def test_where_a_value_came_from_is_shown_with_its_trust(tmp_path: Path) -> None:
    at_home = write_file(tmp_path / "home", "concurrency = 6")
    in_folder = write_file(tmp_path / "cloned", "concurrency = 7")
    found = settings_files({}, environment(tmp_path), tmp_path / "cloned")
    assert [(file.path, file.is_trusted) for file in found] == [(at_home, True), (in_folder, False)]
    allow(tmp_path)
    found = settings_files({}, environment(tmp_path), tmp_path / "cloned")
    assert [file.is_trusted for file in found] == [True, True]


def test_a_home_named_relatively_is_one_of_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_file(tmp_path / "nx", 'eodhd_base_url = "https://elsewhere.example/api"')
    with pytest.raises(UsageError, match="name NEXUS_HOME by its absolute path"):
        load(tmp_path, NEXUS_HOME="nx")


def test_in_the_home_itself_the_file_is_the_home_s(tmp_path: Path) -> None:
    write_file(tmp_path / "home", 'schema = "other"')
    settings = load_settings(environ=environment(tmp_path), folder=tmp_path / "home")
    assert settings.schema == "other"


@as_root
def test_a_file_of_another_user_cannot_be_allowed(tmp_path: Path) -> None:
    path = write_file(tmp_path / "cloned", 'schema = "other"')
    os.chown(path, 65534, 65534)
    with pytest.raises(UsageError, match="belongs to another user"):
        load(tmp_path)
    with pytest.raises(UsageError, match="belongs to another user"):
        allow(tmp_path)
    path.write_text("concurrency = 7", encoding="utf-8")
    assert load(tmp_path).concurrency == 7


def test_a_file_larger_than_any_settings_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path / "cloned", "concurrency = 7\n" + "#" * (64 << 10))
    with pytest.raises(UsageError, match="larger than 64 kB"):
        load(tmp_path)


def test_a_pipe_is_no_file_of_settings_and_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "cloned").mkdir()
    os.mkfifo(tmp_path / "cloned" / "nexus.toml")
    assert load(tmp_path).schema == "public"


def test_a_file_with_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = write_file(tmp_path / "home", 'database_url = "postgresql://me:canary@db/x"')
    path.chmod(0o644)
    with pytest.raises(UsageError, match=r"others can read it.* chmod 600") as refused:
        load(tmp_path)
    assert "canary" not in str(refused.value)
    path.chmod(0o640)
    assert load(tmp_path).database_url == "postgresql://me:canary@db/x"


def test_without_a_file_there_is_nothing_to_allow(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to allow"):
        allow(tmp_path)


@pytest.mark.parametrize("place", ["home/nexus.toml", "home"])
def test_a_home_that_all_users_can_write_to_sets_nothing_that_matters(
    tmp_path: Path, place: str
) -> None:
    write_file(tmp_path / "home", 'eodhd_base_url = "https://elsewhere.example/api"')
    (tmp_path / place).chmod(0o777)
    with pytest.raises(UsageError, match=r"all users can write to .* chmod o-w"):
        load(tmp_path)
    (tmp_path / place).chmod(0o775)
    assert load(tmp_path).eodhd_base_url == "https://elsewhere.example/api"
