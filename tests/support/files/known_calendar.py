"""Computes New York's calendar as it is imported: for a process that forks others, once for all."""

from __future__ import annotations

from datetime import date

from data_nexus.domain.calendar.exchanges import sessions_of

sessions_of("US", date(2026, 1, 1))
