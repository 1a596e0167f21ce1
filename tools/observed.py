"""Write the reference pages of what a process shows of itself: its metrics and its log lines."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import get_args, get_type_hints

from data_nexus.events import Event
from data_nexus.observe.context import CONTEXT
from data_nexus.observe.logs import LEVELS
from data_nexus.observe.metric_table import COUNTED, MEASURED, Metric

_METRICS = """\
# Metrics

Written from the code by `make docs`. What `/metrics` shows, in Prometheus' text format; how to use
it: [watch it with Prometheus](../how-to/watch-it-with-prometheus.md). No label holds a symbol or a
text of the vendor's.

## Counted by the process

From the start of the process that is asked. Another one has counts of its own: Prometheus adds them
up.

{counted}
Besides these there are `process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_open_fds` and others of the process, as all programs in Python show them.

## Read from the database

The same from every process on that database. They are read on request, at most
every five seconds, and for at most a hundredth of the time.

{measured}"""
_EVENTS = """\
# Log events

Written from the code by `make docs`. With `--log-format json`, or `NEXUS_LOG_FORMAT=json`, each
line on stderr is one JSON object, with `time` (UTC), `level`, `event` and the event's own fields.
`NEXUS_LOG_LEVEL` says from which level on. Names and fields stay as they are from version to
version; more may come. What a library or a bug has to say has its text as `event`.

A line also says what it belongs to, as far as there is something:

{context}"""

Table = Callable[[tuple[str, ...], Sequence[tuple[str, ...]]], str]


def metrics_page(table: Table) -> str:
    """Return the page of all metrics."""
    heads = ("metric", "kind", "labels", "meaning")
    counted, measured = ([_metric(each) for each in some] for some in (COUNTED, MEASURED))
    return _METRICS.format(counted=table(heads, counted), measured=table(heads, measured))


def events_page(table: Table) -> str:
    """Return the page of all log events."""
    context = [(f"`{name}`", meaning) for name, meaning in CONTEXT.items()]
    parts = [_EVENTS.format(context=table(("field", "meaning"), context))]
    for event in get_args(Event):
        level = logging.getLevelName(LEVELS[event]).lower()
        hints = get_type_hints(event)
        rows = [(f"`{each.name}`", _type(hints[each.name])) for each in fields(event)]
        said = inspect.cleandoc(event.__doc__ or "")
        parts.append(
            f"## `{event.__name__}`\n\nLevel {level}. {said}\n\n{table(('field', 'type'), rows)}"
        )
    return "\n".join(parts)


def _metric(metric: Metric) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"`{metric.name}`", metric.kind, labels, metric.meaning


def _type(hint: object) -> str:
    """Return a field's type in JSON."""
    names: dict[object, str] = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        tuple[str, ...]: "list of texts",
        Mapping[str, int]: "counts by rule",
    }
    return names[hint]
