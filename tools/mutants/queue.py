"""Mistakes around the queue: claims, leases, fences, rescues, and who waits for whom."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_LEASES_SQL = "src/data_nexus/database/store/leases.sql"
_LEASES = "src/data_nexus/database/store/leases.py"
_CLAIMS = "tests/contract/queue/test_claims.py"
_ORPHANS = "tests/contract/queue/test_orphans.py"
_PLANS = "tests/contract/schema/test_plans.py"
_NO_QUEUE = "tests/contract/queue/test_locks.py::test_no_queue_hands_out_what_another_holds_or_what_is_at_rest"

MUTANTS = (
    Mutant(
        name="an update steals what another worker holds",
        file=_LEASES_SQL,
        before="      AND q.lease_owner IS NULL\n      AND (q.times_rescued > 0)",
        after="      AND (q.times_rescued > 0)",
        harm="two workers load one asset, and the first one's answer is thrown away",
        tests=(_NO_QUEUE,),
    ),
    Mutant(
        name="wanted actions are claimed although held",
        file=_LEASES_SQL,
        before=(
            "      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))\n"
            "      AND lease_owner IS NULL\n"
            "      AND (times_rescued > 0) = %(suspect)s\n"
            "    ORDER BY coalesce(last_synced"
        ),
        after=(
            "      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))\n"
            "      AND (times_rescued > 0) = %(suspect)s\n"
            "    ORDER BY coalesce(last_synced"
        ),
        harm="splits and dividends are fetched twice, and a load in progress loses its lease",
        tests=(_NO_QUEUE,),
    ),
    Mutant(
        name="an audit takes what another worker holds",
        file=_LEASES_SQL,
        before=(
            "      AND lease_owner IS NULL\n"
            "      AND (times_rescued > 0) = %(suspect)s\n"
            "    ORDER BY coalesce(read_whole_at"
        ),
        after=("      AND (times_rescued > 0) = %(suspect)s\n    ORDER BY coalesce(read_whole_at"),
        harm="the audit ends the loads of other workers",
        tests=(_NO_QUEUE,),
    ),
    Mutant(
        name="an audit takes parked assets",
        file=_LEASES_SQL,
        before=(
            "    SELECT id, read_whole_at AS position, NULL::date AS published\n"
            "    FROM active_assets"
        ),
        after=(
            "    SELECT id, read_whole_at AS position, NULL::date AS published\n    FROM assets"
        ),
        harm="assets that wait for a person cost a call in each audit",
        tests=(_NO_QUEUE,),
    ),
    Mutant(
        name="a claim raises no fence",
        file=_LEASES_SQL,
        before="    fence = a.fence + 1\nFROM candidates c",
        after="    fence = a.fence\nFROM candidates c",
        harm="a worker that lost its lease overwrites what its successor wrote",
        tests=(
            "tests/contract/store/test_commits.py::test_a_fence_that_the_same_worker_has_raised_is_stale_too",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a stale lease gives back its successor's",
        file=_LEASES_SQL,
        before="WHERE a.id = held.id AND a.fence = held.fence AND a.lease_owner = %(owner)s",
        after="WHERE a.id = held.id AND a.lease_owner = %(owner)s",
        harm="an asset that is being loaded is handed out again",
        tests=(f"{_CLAIMS}::test_a_lease_that_its_own_worker_claimed_again_gives_nothing_back",),
        circumstances=2,
    ),
    Mutant(
        name="a stale worker parks its successor's asset",
        file=_LEASES_SQL,
        before="    WHERE id = %(asset_id)s AND fence = %(fence)s AND lease_owner = %(owner)s\n    RETURNING id\n), letter",
        after="    WHERE id = %(asset_id)s\n    RETURNING id\n), letter",
        harm="a late dead letter parks an asset that has been loaded meanwhile",
        tests=("tests/contract/reader/test_dead_letters.py::test_a_lost_lease_parks_nothing",),
        circumstances=2,
    ),
    Mutant(
        name="a lock elsewhere counts as a live worker",
        file=_LEASES_SQL,
        before="  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())\n",
        after="",
        harm="what a lost worker held is never freed if another database has a lock of its number",
        tests=(f"{_ORPHANS}::test_a_lock_in_another_database_is_no_sign_of_life",),
        circumstances=2,
    ),
    Mutant(
        name="an expired lease of a living worker is never freed",
        file=_LEASES_SQL,
        before="          lease_until < now()\n          OR NOT EXISTS",
        after="          lease_until < now() - interval '1 day'\n          OR NOT EXISTS",
        harm="a worker that hangs holds its assets for a day",
        tests=(f"{_CLAIMS}::test_a_held_lease_is_nobody_else_s_until_it_expires",),
        circumstances=2,
    ),
    Mutant(
        name="a restart of the server counts against the assets",
        file=_LEASES_SQL,
        before="        WHEN lease_until < pg_postmaster_start_time()\n",
        after="        WHEN false\n",
        harm="three restarts of the server park every asset that was being loaded",
        tests=(
            "tests/contract/store/test_troubles.py::test_a_lease_that_is_older_than_the_server_counts_against_no_asset",
        ),
        circumstances=2,
    ),
    Mutant(
        name="an asset is parked at its second rescue",
        file=_LEASES,
        before="_MOST_RESCUES = 3",
        after="_MOST_RESCUES = 2",
        harm="two accidents of workers make an asset wait for a person",
        tests=(f"{_ORPHANS}::test_an_asset_rescued_three_times_in_a_row_is_parked",),
    ),
    Mutant(
        name="a failure leaves the suspicion",
        file=_LEASES_SQL,
        before="    times_rescued = CASE WHEN held.failed THEN 0 ELSE a.times_rescued END,",
        after="    times_rescued = a.times_rescued,",
        harm="an asset that the vendor fails on is parked for ending its worker, which it did not",
        tests=(f"{_ORPHANS}::test_an_asset_that_failed_is_no_suspect_any_more",),
        circumstances=2,
    ),
    Mutant(
        name="a position is the first row of a claim",
        file=_LEASES,
        before="position.last_synced, position.asset_id = claimed[-1].position, claimed[-1].id",
        after="position.last_synced, position.asset_id = claimed[0].position, claimed[0].id",
        harm="a run asks again for what it has just given back as failed",
        tests=(
            f"{_CLAIMS}::test_a_claim_takes_no_more_than_its_limit_and_the_next_goes_on",
            f"{_CLAIMS}::test_a_position_is_passed_once_and_a_new_walk_begins_at_the_front",
            f"{_CLAIMS}::test_the_never_answered_come_first_and_then_the_oldest_answer",
        ),
        circumstances=2,
    ),
    Mutant(
        name="the queue has no order among equals",
        file=_LEASES_SQL,
        before="    ORDER BY coalesce(q.last_synced, '-infinity'::timestamptz), q.id\n",
        after="    ORDER BY q.id, coalesce(q.last_synced, '-infinity'::timestamptz)\n",
        harm="a claim by the calendar sorts the whole queue, and skips assets",
        tests=(f"{_PLANS}::test_a_claim_by_the_calendar_reads_the_front_of_a_long_queue",),
    ),
    Mutant(
        name="a claim by the calendar hides the queue's order",
        file=_LEASES_SQL,
        before=(
            "    WHERE (coalesce(q.last_synced, '-infinity'::timestamptz), q.id)\n"
            "          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)\n"
        ),
        after=(
            "    WHERE (coalesce(q.last_synced, 'epoch'::timestamptz), q.id)\n"
            "          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)\n"
        ),
        harm="each claim reads the queue from its front, and costs more the further a run is",
        tests=(f"{_PLANS}::test_a_claim_by_the_calendar_goes_on_in_the_middle_of_a_long_queue",),
    ),
    Mutant(
        name="an audit reads the assets twice",
        file=_LEASES_SQL,
        before="    WHERE last_bar IS NOT NULL\n      AND (coalesce(read_whole_at",
        after=(
            "    WHERE id IN (SELECT id FROM assets WHERE last_bar IS NOT NULL)\n"
            "      AND (coalesce(read_whole_at"
        ),
        harm="each handful of an audit reads the table twice",
        tests=(f"{_PLANS}::test_a_claim_of_what_is_in_no_index_reads_the_assets_once",),
    ),
    Mutant(
        name="a lost claim's leases are kept",
        file=_LEASES,
        before='            await self._pool.execute("release_unknown", known)\n            raise',
        after="            raise",
        harm="assets whose claim was answered with a broken connection wait for nothing",
        tests=(
            "tests/contract/store/test_troubles.py::test_a_claim_whose_answer_is_lost_leaves_no_asset_waiting",
        ),
        circumstances=2,
    ),
)
