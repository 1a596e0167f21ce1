"""The command `nexus config`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import click

from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, counted, print_json, shown
from data_nexus.config import (
    SETTINGS,
    Settings,
    allow_folder_file,
    setting_sources,
    settings_files,
    vendor_proxy,
    without_user,
)
from data_nexus.service.presence import signal_daemons


@click.group(invoke_without_command=True)
@click.option(
    "--trust",
    is_flag=True,
    help="Allow the nexus.toml of this folder, as it is now, to set anything.",
)
@output_options
@click.pass_context
def config(context: click.Context, /, as_json: bool, trust: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Show every setting with its value, default and source.

    A nexus.toml in the working folder may set how fast commands work, and the logs. What says where
    the key goes, which database is used, what is believed, deleted or spent, it may set only after
    --trust, and again after each change of the file.
    """
    if context.invoked_subcommand is not None:
        return
    allowed = allow_folder_file() if trust else None
    settings = settings_from(options)
    rows = list(_rows(settings, options))
    key = {"is_set": settings.token is not None, "variable": "EODHD_API_KEY or EODHD_API_KEY_FILE"}
    proxy = vendor_proxy(settings.eodhd_base_url, os.environ)
    places = {"home": str(settings.home), "proxy": without_user(proxy) if proxy else None}
    if as_json:
        print_json({"settings": rows, "key": key, **places})
        return
    # What a person has set comes first.
    for row in sorted(rows, key=lambda row: row["source"] == "default"):
        _show(row)
    for name, place in places.items():
        console.print(f"{name}: {place or 'none'}")
    console.print(f"EODHD key: {'set' if settings.token else 'not set'}")
    if allowed is not None:
        console.print(f"Allowed: {allowed.path} may set {', '.join(allowed.guarded) or 'no more'}")


@config.command()
@output_options
def reload(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Let running daemons read their settings again.

    Those of this home read the settings and the key again. What they are doing goes on with the
    old ones; their logs say what they took.
    """
    found = signal_daemons(settings_from(options).home, signal.SIGHUP)
    if as_json:
        print_json({"daemons": found})
    elif found:
        console.print(f"Signalled {counted(len(found), 'daemon')}: {', '.join(map(str, found))}.")
    else:
        console.print("No daemon of this home is running: nexus run starts one.")


def _show(row: dict[str, Any]) -> None:
    """Print a setting: name in a file, value and source, and below what it means."""
    notes = [str(row["source"])]
    if row["source"] != "default":
        notes.append(f"default {shown(row['default'])}")
    if row["is_trusted"] is False:
        notes.append("not trusted")
    key = str(row["variable"]).removeprefix("NEXUS_").lower()
    console.print(f"{key} = {shown(row['value'])}  ({', '.join(notes)})")
    console.print(f"    {row['meaning']}")


def _rows(settings: Settings, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    shareable = settings.shareable()
    sources = setting_sources(options)
    trusted = {str(file.path): file.is_trusted for file in settings_files(options)}
    for setting in SETTINGS:
        source = sources[setting.field]
        yield {
            "variable": setting.variable,
            "value": getattr(shareable, setting.field),
            "default": setting.default,
            "source": source,
            # Of a file: whether it may set anything.
            "is_trusted": trusted.get(source),
            "meaning": setting.meaning,
        }
