"""Mistakes in the limits: the quota's arithmetic, its ledger, retries, breakers, waits."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_ARITHMETIC = "src/data_nexus/domain/limits/quota.py"
_BREAKER = "src/data_nexus/domain/limits/breaker.py"
_BACKOFF = "src/data_nexus/domain/limits/backoff.py"
_LEDGER = "src/data_nexus/ingestion/fetching/quota_ledger.py"
_RESERVE = "src/data_nexus/ingestion/fetching/slots.py"
_QUOTA_TESTS = "tests/unit/domain/limits/test_quota.py"
_BREAKER_TESTS = "tests/unit/domain/limits/test_breaker.py"
_LEDGER_TESTS = "tests/contract/store/test_ledger.py"
_BACKOFF_TESTS = "tests/unit/domain/limits/test_backoff.py"

MUTANTS = (
    Mutant(
        name="extra calls are not counted as left",
        file=_ARITHMETIC,
        before="return max(0, self.day_limit + self.extra - self.spent)",
        after="return max(0, self.day_limit - self.spent)",
        harm="a run ends with 4 although extra calls were bought",
        tests=(
            f"{_QUOTA_TESTS}::test_extra_calls_are_drawn_when_the_day_is_spent_and_do_not_come_back",
        ),
    ),
    Mutant(
        name="extra calls come back the next day",
        file=_ARITHMETIC,
        before="max(0, quota.spent - quota.day_limit))",
        after="min(0, quota.spent - quota.day_limit))",
        harm="extra calls that were used are counted on again the day after: the day is overspent",
        tests=(
            f"{_QUOTA_TESTS}::test_extra_calls_are_drawn_when_the_day_is_spent_and_do_not_come_back",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a refund of yesterday lowers today's count",
        file=_ARITHMETIC,
        before="    if quota.day != day:\n        return quota\n    audited",
        after="    audited",
        harm="a slot given back behind midnight lets the new day be overspent",
        tests=(f"{_QUOTA_TESTS}::test_a_refund_of_yesterday_is_forgotten",),
        circumstances=2,
    ),
    Mutant(
        name="the next slot is the last one granted",
        file=_ARITHMETIC,
        before="spent, next_slot = quota.spent + charged, slots[-1] + distance",
        after="spent, next_slot = quota.spent + charged, slots[-1]",
        harm="two workers send at the same moment, and a minute holds more than its limit",
        tests=(f"{_QUOTA_TESTS}::test_a_day_of_a_hundred_thousand_calls",),
    ),
    Mutant(
        name="slots go on behind midnight",
        file=_ARITHMETIC,
        before="(slot := first + n * distance) < last_moment or n == 0",
        after="(slot := first + n * distance) < last_moment + MINUTE or n == 0",
        harm="requests that are charged to one day reach the vendor on the next",
        tests=(f"{_QUOTA_TESTS}::test_a_day_of_a_hundred_thousand_calls", _QUOTA_TESTS),
        circumstances=2,
    ),
    Mutant(
        name="nothing is kept clear behind midnight",
        file=_ARITHMETIC,
        before="    return max(slot, today + MIDNIGHT_MARGIN)",
        after="    return max(slot, today)",
        harm="a vendor whose clock lags counts the first calls of a day to the day before",
        tests=(_QUOTA_TESTS,),
    ),
    Mutant(
        name="a cut limit is not waited for",
        file=_ARITHMETIC,
        before="    if limit < max(quota.minute_limit, reserved_under):",
        after="    if limit > max(quota.minute_limit, reserved_under):",
        harm="after a cut the minute is overfull, and the vendor refuses with 429",
        tests=(
            "tests/unit/domain/limits/test_cut_minutes.py::test_a_cut_of_the_limit_waits_until_the_minute_has_room",
        ),
    ),
    Mutant(
        name="the reserve is of what is left",
        file=_ARITHMETIC,
        before="        most = min(most, (left - kept) // calls)",
        after="        most = min(most, left // calls)",
        harm="workers leave nothing of the day to people and to repair",
        tests=(f"{_QUOTA_TESTS}::test_a_reserve_is_left_to_others",),
    ),
    Mutant(
        name="an audit's refund is not its own",
        file=_ARITHMETIC,
        before="audited = quota.audited - calls if is_audit else quota.audited",
        after="audited = quota.audited",
        harm="the audit's share shrinks with each slot that it gave back",
        tests=(f"{_QUOTA_TESTS}::test_what_the_audit_never_sent_is_given_back_to_it",),
        circumstances=2,
    ),
    Mutant(
        name="an old refusal outlives a good count",
        file=_ARITHMETIC,
        before="refused=quota.refused and total >= limit + extra + drawn",
        after="refused=quota.refused",
        harm="after one wrong 402 nothing is sent until midnight",
        tests=(
            f"{_QUOTA_TESTS}::test_a_refusal_is_taken_back_by_a_count_that_shows_calls_left_and_by_no_other",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a breaker forgets how often it opened",
        file=_BREAKER,
        before="        times_opened=breaker.times_opened + 1,",
        after="        times_opened=1,",
        harm="a vendor that stays down is probed as often as at first, for ever",
        tests=(
            f"{_BREAKER_TESTS}::test_the_pauses_stay_the_same_for_minutes_and_then_double_to_ten_minutes",
        ),
        circumstances=2,
    ),
    Mutant(
        name="an outage after good answers is seen late",
        file=_BREAKER,
        before="    is_cut_off = noted.unreached >= _UNREACHED_IN_A_ROW or noted.failed >= _FAILED_IN_A_ROW",
        after="    is_cut_off = noted.unreached >= _UNREACHED_IN_A_ROW",
        harm="hundreds of requests are lost to an outage that begins in the middle of a load",
        tests=(
            f"{_BREAKER_TESTS}::test_many_failures_in_a_row_open_it_however_many_answers_came_before",
        ),
        circumstances=2,
    ),
    Mutant(
        name="slots handed out before a cut are forgotten",
        file=_ARITHMETIC,
        before="    used += math.ceil((next_slot - moment) / step(quota.minute_limit))\n",
        after="",
        harm="after a cut of the limit a minute holds more than it",
        tests=(
            "tests/unit/domain/limits/test_cut_minutes.py::test_slots_that_are_handed_out_and_not_used_yet_count_as_used_after_a_cut",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a lonely timeout halves what is allowed",
        file="src/data_nexus/domain/limits/concurrency.py",
        before="    if limit.clean >= _CLEAN_BETWEEN:\n        return replace(limit, clean=0)\n",
        after="",
        harm="a vendor that leaves one request in fifty without an answer is loaded one by one",
        tests=(f"{_BREAKER_TESTS}::test_a_timeout_among_many_answers_is_its_own_trouble",),
        circumstances=2,
    ),
    Mutant(
        name="a probe that is never answered blocks for ever",
        file=_BREAKER,
        before="    if breaker.probing_until is not None and moment < breaker.probing_until:",
        after="    if breaker.probing_until is not None:",
        harm="one probe that was cancelled stops an endpoint until the program ends",
        tests=(f"{_BREAKER_TESTS}::test_a_probe_that_is_never_answered_gives_way_to_another",),
        circumstances=2,
    ),
    Mutant(
        name="failures are never forgotten",
        file=_BREAKER,
        before="if second[0] > now - MEMORY_SEC)",
        after="if second[0] > now - 60 * MEMORY_SEC)",
        harm="failures of an hour ago open the breaker",
        tests=(f"{_BREAKER_TESTS}::test_old_failures_are_forgotten",),
    ),
    Mutant(
        name="retries are saved up without bound",
        file=_BREAKER,
        before="        saved = min(_MOST_RETRIES_SAVED, self.saved + earned)",
        after="        saved = self.saved + earned",
        harm="after a quiet hour a failing vendor gets hundreds of retries at once",
        tests=(f"{_BREAKER_TESTS}::test_no_more_than_ten_retries_are_saved_up",),
        circumstances=2,
    ),
    Mutant(
        name="waits double too early",
        file=_BACKOFF,
        before="self.base_sec * 2.0 ** (attempt - 1))",
        after="self.base_sec * 2.0**attempt)",
        harm="every retry waits twice as long as it should",
        tests=(
            f"{_BACKOFF_TESTS}::test_a_wait_lies_between_nothing_and_the_doubled_base",
            _BACKOFF_TESTS,
        ),
    ),
    Mutant(
        name="a Retry-After in the past is obeyed at once",
        file=_BACKOFF,
        before="    if wait < 0:\n        return UNSTATED_WAIT_SEC\n",
        after="",
        harm="a vendor whose clock lags is asked again within a second, over and over",
        tests=(
            f"{_BACKOFF_TESTS}::test_a_rate_limit_that_says_nothing_usable_is_waited_for_a_little",
        ),
    ),
    Mutant(
        name="an absence waits for ever longer",
        file=_BACKOFF,
        before="return min(2.0 ** max(times_empty - 1, 0), LONGEST_ABSENCE_DAYS)",
        after="return 2.0 ** max(times_empty - 1, 0)",
        harm="after a year without bars an asset is not asked about for decades",
        tests=(f"{_BACKOFF_TESTS}::test_an_absent_asset_is_left_alone_ever_longer_up_to_64_days",),
    ),
    Mutant(
        name="a late slot is used",
        file=_LEDGER,
        before="            if not slot.is_stale and recalls == self._recalls:",
        after="            if recalls == self._recalls:",
        harm="a worker that slept sends a burst when it wakes up",
        tests=(f"{_LEDGER_TESTS}::test_a_slot_that_comes_too_late_is_given_back_for_another",),
        circumstances=2,
    ),
    Mutant(
        name="a slot that was not used is not given back",
        file=_LEDGER,
        before="                self._slots.put_back(slot)\n",
        after="",
        harm="a request that is cancelled while it waits costs a call of the day",
        tests=(
            f"{_LEDGER_TESTS}::test_a_reservation_that_is_cancelled_at_any_moment_charges_nothing",
        ),
        circumstances=2,
    ),
    Mutant(
        name="dear requests are reserved in advance",
        file=_RESERVE,
        before="            most = max(1, most // max(calls, 1))\n",
        after="",
        harm="a killed worker loses thousands of calls that it had reserved for sessions in bulk",
        tests=(f"{_LEDGER_TESTS}::test_of_dear_requests_none_is_reserved_in_advance",),
        circumstances=2,
    ),
)
