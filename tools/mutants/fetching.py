"""Mistakes in what fetches and what ends a run: slots, pauses, probes, the worker, signals."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_LEDGER = "src/data_nexus/ingestion/fetching/quota_ledger.py"
_RESERVE = "src/data_nexus/ingestion/fetching/slots.py"
_SLOTS = "tests/unit/ingestion/test_ledger_slots.py"
_CLOCKS = "tests/contract/store/test_clocks.py"

MUTANTS = (
    Mutant(
        name="trust in a renewed lease counts from the late answer",
        file="src/data_nexus/database/store/leases.py",
        before="            self._held[asset_id] = trusted_until",
        after="            self._held[asset_id] = self._trust_from(time.monotonic())",
        harm="a worker writes under a lease that ran out while the database was slow",
        tests=(f"{_CLOCKS}::test_a_renewal_answered_late_is_not_trusted_longer",),
        circumstances=2,
    ),
    Mutant(
        name="a slot behind midnight is charged to the day before",
        file=_RESERVE,
        before="            Slot(slot.timestamp() + offset, slot.date(), calls, self.minute_limit)",
        after="            Slot(slot.timestamp() + offset, moment.date(), calls, self.minute_limit)",
        harm="a slot reserved before midnight and given back stays charged to the new day",
        tests=(f"{_SLOTS}::test_a_slot_behind_midnight_is_given_back_to_the_new_day",),
        circumstances=2,
    ),
    Mutant(
        name="slots handed out before a 402 are used after it",
        file=_LEDGER,
        before="        self._recalls += 1\n",
        after="",
        harm="each request that waits is sent to a vendor that has said that the day is spent",
        tests=(f"{_SLOTS}::test_a_slot_handed_out_before_a_402_is_not_used_after_it",),
        circumstances=2,
    ),
    Mutant(
        name="a full minute with the same limit is ignored",
        file=_LEDGER,
        before="        if limit == self._slots.minute_limit and remaining > 0 and planned_under <= limit:",
        after="        if limit == self._slots.minute_limit and planned_under <= limit:",
        harm="when another client fills the minute, every worker runs into 429",
        tests=(
            f"{_SLOTS}::test_a_full_minute_moves_the_next_slot_whether_the_limit_is_new_or_not",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a pause is not shared",
        file=_LEDGER,
        before="        await self.row.change(\n            lambda quota, moment: (paused(quota, moment + timedelta(seconds=seconds)), None)\n        )\n",
        after="",
        harm="one worker heeds a 429, and the others go on asking",
        tests=(f"{_SLOTS}::test_a_pause_holds_for_every_worker",),
        circumstances=2,
    ),
    Mutant(
        name="what begins may take the reserve",
        file=_LEDGER,
        before="            return quota, reserve(quota, calls, moment, keep_share=self.keep_share)",
        after="            return quota, reserve(quota, calls, moment)",
        harm="a session is begun that the day does not pay, and its first request is lost",
        tests=(f"{_SLOTS}::test_what_begins_must_be_paid_by_the_day_without_the_reserve",),
        circumstances=2,
    ),
    Mutant(
        name="calls are given back twice when COMMIT's answer is lost",
        file=_RESERVE,
        before="            await self.row.change(give_back, once=True)",
        after="            await self.row.change(give_back)",
        harm="the day is overspent by what was given back twice",
        tests=(
            "tests/contract/store/test_lost_commits.py::test_calls_given_back_through_a_cut_are_given_back_once_or_not",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a lease lost while its turn came costs a call",
        file="src/data_nexus/ingestion/fetching/requester.py",
        before="            await self.ledger.refund(slot)\n            raise Fenced",
        after="            raise Fenced",
        harm="a machine that slept spends the calls of all that it had leased",
        tests=(f"{_SLOTS}::test_a_lease_lost_while_its_turn_came_costs_no_call",),
        circumstances=2,
    ),
    Mutant(
        name="requests sleep through the answer to a probe",
        file="src/data_nexus/ingestion/fetching/circuit_breakers.py",
        before="            self.recovered()\n            self._wake()\n",
        after="            self.recovered()\n",
        harm="after an outage one fetcher works, and the others sleep for a minute",
        tests=(
            "tests/unit/ingestion/test_circuit_breakers.py::test_a_waiting_request_goes_on_as_soon_as_the_probe_is_answered",
        ),
        circumstances=2,
    ),
    Mutant(
        name="work that was cancelled is resumed",
        file="src/data_nexus/ingestion/histories/turns.py",
        before="self._resting[0][2].resumed.done()",
        after="self._resting[0][2].work.done()",
        harm="a run that is drained ends with an internal error",
        tests=(
            "tests/unit/ingestion/test_turns.py::test_work_that_is_cancelled_while_it_rests_is_not_resumed",
        ),
        circumstances=2,
    ),
    Mutant(
        name="workers leave no reserve",
        file="src/data_nexus/ingestion/wiring.py",
        before="            keep_share=settings.reserve if policy.leaves_reserve else 0.0,",
        after="            keep_share=0.0,",
        harm="a fleet takes the calls that people and repairs need",
        tests=(f"{_CLOCKS}::test_a_worker_leaves_the_reserve_and_others_do_not",),
        circumstances=2,
    ),
    Mutant(
        name="the vendor's count is never asked for again by time",
        file="src/data_nexus/ingestion/fetching/usage.py",
        before="        if self._asked_at is None or self.clock() > self._asked_at + _EVERY_SEC:",
        after="        if self._asked_at is None:",
        harm="what others spend of the key is not seen until a tenth of the day is gone",
        tests=(
            "tests/unit/ingestion/test_usage.py::test_it_is_asked_for_at_first_and_again_after_ten_minutes",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a refused probe leaves the breaker probing",
        file="src/data_nexus/ingestion/fetching/circuit_breakers.py",
        before="        except NexusError:\n            self._note_answer(endpoint)\n            raise",
        after="        except NexusError:\n            raise",
        harm="a 404 to the probe stops an endpoint for another minute",
        tests=(
            "tests/unit/ingestion/test_circuit_breakers.py::test_an_answer_of_any_kind_to_the_probe_closes_it",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a worker never wakes resting assets",
        file="src/data_nexus/ingestion/nightly/worker.py",
        before="        await store.leases.requeue_absent(now)\n",
        after="",
        harm="with workers alone, an asset that once had no bars is never asked for again",
        tests=(
            "tests/system/load/test_mass_failure.py::test_a_worker_wakes_what_rested_and_whose_time_has_come",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a drain hides that the key was refused",
        file="src/data_nexus/cli/exit_codes.py",
        before="    if report.ended_by is not None:\n",
        after="    if report.ended_by is not None and report.drained_by is None:\n",
        harm="a service restarts for ever with a key that is refused",
        tests=("tests/unit/core/test_exit_codes.py::test_the_exit_code_is_that_of_the_gravest",),
        circumstances=2,
    ),
    Mutant(
        name="the first signal kills a run that ends by itself",
        file="src/data_nexus/app/signals.py",
        before="        if drain.reason is not None:",
        after="        if True:",
        harm="leases of a run that was tidying up are held until they run out",
        tests=(
            "tests/system/commands/test_signals.py::test_the_first_signal_to_a_run_that_ends_by_itself_lets_it_tidy_up",
        ),
        circumstances=2,
    ),
    Mutant(
        name="requests outlast the grace",
        file="src/data_nexus/ingestion/histories/fetchers.py",
        before="            async with asyncio.timeout(self.grace_sec / 2):",
        after="            async with asyncio.timeout(self.grace_sec * 2):",
        harm="an operator's system kills a run that takes longer to end than it may",
        tests=(
            "tests/system/commands/test_signals.py::test_requests_that_outlast_the_grace_are_given_up_and_their_assets_stay_due",
        ),
        circumstances=2,
    ),
)
