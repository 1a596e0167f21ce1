"""Every error says what is done about it and with which code a command ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from data_nexus import errors
from data_nexus.errors import (
    AdjustmentRefused,
    AlertNotSent,
    AnswerTimedOut,
    AnswerTooLarge,
    BrokenAnswer,
    ClocksDiffer,
    ConnectionFailed,
    CredentialsRefused,
    EndpointNotInPlan,
    Fenced,
    InvariantBroken,
    NexusError,
    NotAnAnswer,
    NotInPlan,
    NotListed,
    NotSent,
    Park,
    Pause,
    Postpone,
    ProductNotInPlan,
    QuotaSpent,
    RateLimited,
    Redirected,
    RequestRefused,
    Retry,
    RowsRefused,
    SchemaMismatch,
    Stop,
    StorageDamaged,
    StorageUnavailable,
    StorageUnfit,
    UsageError,
    VendorFailed,
    VendorUnavailable,
    WrongSubject,
)

# What the engine does next, and the exit code of a command that ends with the error.
EXPECTED: dict[type[NexusError], tuple[type[NexusError], int]] = {
    UsageError: (NexusError, 2),
    AdjustmentRefused: (UsageError, 2),
    ConnectionFailed: (Retry, 6),
    NotSent: (Retry, 6),
    AnswerTimedOut: (Retry, 6),
    BrokenAnswer: (Retry, 6),
    VendorFailed: (Retry, 6),
    Redirected: (Retry, 6),
    RateLimited: (Postpone, 6),
    NotAnAnswer: (Park, 3),
    WrongSubject: (Park, 3),
    AnswerTooLarge: (Park, 3),
    RequestRefused: (Park, 3),
    RowsRefused: (Park, 3),
    NotListed: (NexusError, 3),
    QuotaSpent: (Pause, 4),
    CredentialsRefused: (Stop, 5),
    NotInPlan: (NexusError, 5),
    ProductNotInPlan: (Stop, 5),
    EndpointNotInPlan: (Park, 3),
    VendorUnavailable: (Stop, 6),
    StorageUnavailable: (Stop, 7),
    StorageUnfit: (Stop, 7),
    StorageDamaged: (Stop, 7),
    SchemaMismatch: (Stop, 7),
    ClocksDiffer: (Stop, 7),
    InvariantBroken: (Stop, 8),
    Fenced: (NexusError, 1),
    AlertNotSent: (NexusError, 3),
}
FAMILIES = {Retry, Postpone, Park, Pause, Stop}


def leaves() -> set[type[NexusError]]:
    """Every error of the module that is no family."""
    found = {e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, NexusError)}
    return found - FAMILIES - {NexusError}


def test_no_error_is_missing_from_the_table() -> None:
    assert leaves() == set(EXPECTED)


@pytest.mark.parametrize(("error", "expected"), EXPECTED.items(), ids=str)
def test_an_error_belongs_to_one_family_and_has_the_contract_s_exit_code(
    error: type[NexusError], expected: tuple[type[NexusError], int]
) -> None:
    family, exit_code = expected
    assert FAMILIES & set(error.mro()) == FAMILIES & {family}
    assert error.exit_code == exit_code


def test_a_rate_limit_says_how_long_to_wait() -> None:
    limit = RateLimited("AAPL.US: 429", 12.5)
    assert (str(limit), limit.wait_sec) == ("AAPL.US: 429", 12.5)


def test_what_was_not_sent_is_a_failed_connection() -> None:
    assert issubclass(NotSent, ConnectionFailed)


def test_an_unfit_answer_keeps_what_the_vendor_answered() -> None:
    unfit = RequestRefused("AAPL.US: 422", 422, b"{}")
    assert (str(unfit), unfit.status, unfit.body) == ("AAPL.US: 422", 422, b"{}")
    unknown = RowsRefused("AAPL.US: refused")
    assert (unknown.status, unknown.body) == (None, b"")


def test_a_spent_quota_says_when_it_is_renewed_as_far_as_known() -> None:
    reset = datetime(2024, 1, 3, tzinfo=UTC)
    assert QuotaSpent("spent", reset).resets_at == reset
    assert QuotaSpent("402").resets_at is None


def test_what_a_plan_lacks_is_one_class_apart_from_a_refused_token() -> None:
    assert issubclass(ProductNotInPlan, NotInPlan)
    assert issubclass(EndpointNotInPlan, NotInPlan)
    assert not issubclass(CredentialsRefused, NotInPlan)
    closed = EndpointNotInPlan("AAPL.US: 423", 423, b"no bulk")
    assert (str(closed), closed.status, closed.body) == ("AAPL.US: 423", 423, b"no bulk")
