"""The commands `nexus alerts`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from data_nexus.cli.options import opened, output_options, settings_from
from data_nexus.cli.render import console, counted, print_json, print_table
from data_nexus.database.reader.alerts.alerts import (
    ListedAlert,
    list_alerts,
    list_silences,
    silence_alerts,
    unsilence_alerts,
)
from data_nexus.domain.alerting.conditions import Condition
from data_nexus.domain.alerting.patience import parse_condition, parse_duration
from data_nexus.errors import UsageError
from data_nexus.service.alerting import send_test
from data_nexus.service.alerts.channels import CHANNELS

_CONDITION = click.Choice([each.value for each in Condition])


@click.group()
def alerts() -> None:
    """See what needs you, try the channels, silence what you know."""


@alerts.command("list")
@click.option("--all", "everything", is_flag=True, help="also what is over")
@output_options
def list_(everything: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """List the alerts that last, the newest first, and the silences."""
    with opened(settings_from(options), writes=False) as database:
        found = list_alerts(database, everything=everything)
        silences = list_silences(database)
    if as_json:
        print_json(
            {"alerts": [asdict(each) for each in found], "silences": [*map(asdict, silences)]}
        )
        return
    if found:
        print_table(
            ("condition", "subject", "since", "over", "messages", ""),
            [
                (
                    *(each.condition, each.subject, each.raised_at, each.recovered_at),
                    *(_messages(each), each.detail),
                )
                for each in found
            ],
        )
    else:
        console.print("There was no alert yet." if everything else "Nothing needs you.")
    for each in silences:
        subject = f" {each.subject}" if each.subject else ""
        console.print(f"Silenced until {each.until:%Y-%m-%d %H:%M}: {each.condition}{subject}")


@alerts.command()
@click.option("--channel", type=click.Choice(CHANNELS), help="only this one; by default all")
@output_options
def test(channel: str | None, as_json: bool, **options: Any) -> int:  # noqa: ANN401, FBT001
    """Send a test message by each channel that is set."""
    found = asyncio.run(send_test(settings_from(options), channel))
    if as_json:
        print_json({"channels": {name: text or "sent" for name, text in found.items()}})
    else:
        for name, text in found.items():
            console.print(f"{name}: not sent: {text}" if text else f"{name}: sent")
    return 3 if any(found.values()) else 0


@alerts.command()
@click.argument("condition", type=_CONDITION)
@click.argument("subject", required=False, default="")
@click.option("--for", "duration", required=True, help="how long: 30m, 2h, 3d")
@output_options
def silence(condition: str, subject: str, duration: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Send nothing about a condition for a while.

    With SUBJECT, as `nexus alerts list` names it, only for that. What still lasts when the silence
    ends is sent then.
    """
    lasts = parse_duration(duration)
    if lasts <= timedelta():
        raise UsageError("a silence lasts longer than nothing: --for 2h")
    with opened(settings_from(options)) as database:
        until = silence_alerts(database, parse_condition(condition), subject, lasts)
    if as_json:
        print_json({"condition": condition, "subject": subject, "until": until})
    else:
        console.print(f"Silenced until {until:%Y-%m-%d %H:%M}: {condition} {subject}".rstrip())


@alerts.command()
@click.argument("condition", type=_CONDITION)
@click.argument("subject", required=False, default="")
@output_options
def unsilence(condition: str, subject: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """End a silence: that of a subject, or all of a condition."""
    with opened(settings_from(options)) as database:
        ended = unsilence_alerts(database, parse_condition(condition), subject)
    if as_json:
        print_json({"ended": ended})
    else:
        console.print(f"{counted(ended, 'silence')} ended.")


def _messages(alert: ListedAlert) -> str:
    """Say what became of an alert's messages."""
    if alert.unsent:
        return f"{alert.unsent} not sent: {alert.trouble}" if alert.trouble else "to be sent"
    if alert.sent:
        return "sent"
    if alert.silenced_until and not alert.recovered_at:
        return "silenced"
    return "none"
