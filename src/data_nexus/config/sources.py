"""Read the settings from all places that may give them.

Order of precedence: command line, environment, `nexus.toml` (working folder, then NEXUS_HOME),
default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from data_nexus.config.addresses import (
    check_alert_address,
    check_schema_name,
    check_vendor_root,
    is_file_name,
)
from data_nexus.config.allowances import user_allowances
from data_nexus.config.files import SettingsFile, folder_file, home_file
from data_nexus.config.key import read_key
from data_nexus.config.settings import SECRET_ADDRESSES, SETTINGS, Setting, Settings
from data_nexus.errors import UsageError

_Given = dict[str, tuple[object, str]]


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read all settings; raise `UsageError` for a value that does not fit.

    `overrides` are command-line values by key; None there means *not given*.
    """
    environ = os.environ if environ is None else environ
    given = _given(overrides, environ, folder)
    values = {s.field: _convert(s, *given[s.key]) for s in SETTINGS if s.key in given}
    settings = Settings(**values, token=read_key(environ))
    check_vendor_root(settings.eodhd_base_url)
    check_schema_name(settings.schema)
    for name in SECRET_ADDRESSES:
        address = getattr(settings, name)
        if address and not is_file_name(address):
            check_alert_address(address, f"NEXUS_{name.upper()}")
    return settings


def setting_sources(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> dict[str, str]:
    """Return by field where `load_settings` takes the value of each setting from."""
    given = _given(overrides, os.environ if environ is None else environ, folder)
    return {s.field: given.get(s.key, (None, "default"))[1] for s in SETTINGS}


def settings_files(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> list[SettingsFile]:
    """Return the files of settings that exist, the stronger last.

    The home is that of the command line, the environment or the default: no file names it here.
    """
    environ, folder = os.environ if environ is None else environ, folder or Path.cwd()
    given = (overrides or {}).get("home") or environ.get("NEXUS_HOME")
    at_home = home_file(str(given or platformdirs.user_data_path("data-nexus")))
    if at_home is not None and at_home.path.resolve() == (folder / "nexus.toml").resolve():
        return [at_home]
    in_folder = folder_file(folder, user_allowances(environ))
    return [each for each in (at_home, in_folder) if each is not None]


def allow_folder_file(
    environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> SettingsFile:
    """Allow the working folder's `nexus.toml` as it is now, and return it."""
    allowances = user_allowances(environ)
    found = folder_file(folder or Path.cwd(), allowances)
    if found is None:
        raise UsageError(f"no nexus.toml in {folder or Path.cwd()}: nothing to allow")
    found.allow(allowances)
    return found


def _given(
    overrides: Mapping[str, Any] | None, environ: Mapping[str, str], folder: Path | None
) -> _Given:
    """Return by key each value that some source gives, from the first that does, and the source."""
    found: _Given = {}
    for file in settings_files(overrides, environ, folder):
        file.check()
        found |= {key: (value, str(file.path)) for key, value in file.values.items()}
    for setting in SETTINGS:
        if (value := (overrides or {}).get(setting.key)) is not None:
            found[setting.key] = (value, "command line")
        elif text := environ.get(setting.variable):
            found[setting.key] = (text, "environment")
    return found


def _convert(setting: Setting, value: object, source: str) -> Any:  # noqa: ANN401
    try:
        return msgspec.convert(value, setting.type, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"{setting.variable} ({source}): {error}") from None
