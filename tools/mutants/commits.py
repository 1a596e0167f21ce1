"""Mistakes in what is written: commits, cursors, revisions, actions and findings."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_SQL = "src/data_nexus/database/store/commits.sql"
_COMMITS = "src/data_nexus/database/store/commits.py"
_ACTIONS_SQL = "src/data_nexus/database/store/actions.sql"
_TESTS = "tests/contract/store/test_commits.py"
_ACTIONS_TESTS = "tests/contract/store/test_actions.py"
_TRAVEL = "tests/contract/reader/test_time_travel.py"
_LOST = "tests/contract/store/test_lost_commits.py"
_WITHDRAWALS = "tests/contract/store/test_withdrawals.py"
_CHANGE = "src/data_nexus/domain/validation/change.py"
_WITHDRAWAL = "src/data_nexus/domain/validation/withdrawal.py"

MUTANTS = (
    Mutant(
        name="a commit does not look at its fence",
        file=_SQL,
        before="  ON a.id = held.id AND a.fence = held.fence\nWHERE a.lease_owner = %(owner)s",
        after="  ON a.id = held.id\nWHERE a.lease_owner = %(owner)s",
        harm="an old answer of a worker is written over its own newer one",
        tests=(f"{_TESTS}::test_a_fence_that_the_same_worker_has_raised_is_stale_too",),
        circumstances=2,
    ),
    Mutant(
        name="a commit does not look at its owner",
        file=_SQL,
        before="WHERE a.lease_owner = %(owner)s\nORDER BY a.id",
        after="WHERE %(owner)s::bigint IS NOT NULL\nORDER BY a.id",
        harm="an answer is written although its lease was given back",
        tests=(f"{_TESTS}::test_a_lost_lease_in_a_group_costs_the_others_nothing",),
        circumstances=2,
    ),
    Mutant(
        name="an older answer moves the cursor back",
        file=_SQL,
        before="            ELSE a.synced_through\n        END,\n        s.passes_to",
        after="        END,\n        s.passes_to",
        harm="sessions that are stored are fetched again, and `verify` finds a broken cursor",
        tests=(f"{_TESTS}::test_an_older_answer_never_moves_the_cursor_back",),
        circumstances=2,
    ),
    Mutant(
        name="an older answer moves the last bar back",
        file=_SQL,
        before="    last_bar = greatest(CASE WHEN s.is_counted THEN s.stored_to ELSE a.last_bar END, s.last_date),",
        after="    last_bar = coalesce(s.last_date, CASE WHEN s.is_counted THEN s.stored_to ELSE a.last_bar END),",
        harm="the next window begins too early, and gaps are seen where there are none",
        tests=(f"{_TESTS}::test_an_older_answer_never_moves_the_cursor_back",),
        circumstances=2,
    ),
    Mutant(
        name="an empty answer counts as synced",
        file=_SQL,
        before="SET last_synced = CASE WHEN s.outcome = 'stored' THEN now() ELSE a.last_synced END,",
        after="SET last_synced = now(),",
        harm="assets without bars are called loaded",
        tests=(f"{_TESTS}::test_an_answer_without_bars_leaves_the_cursor",),
    ),
    Mutant(
        name="every answer counts as a whole history",
        file=_SQL,
        before="read_whole_at = CASE WHEN s.is_whole THEN now() ELSE a.read_whole_at END,",
        after="read_whole_at = now(),",
        harm="the audit never reads what is updated every day",
        tests=(
            "tests/contract/store/test_audits.py::test_every_answer_with_the_whole_history_is_noted_and_no_other",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a revision holds the new values",
        file=_CHANGE,
        before="    return old.take(is_restated), tuple(rebasings)",
        after="    return new.take(is_restated), tuple(rebasings)",
        harm="what the vendor said before is lost",
        tests=(
            f"{_TESTS}::test_new_changed_and_equal_bars_are_told_apart_and_old_raw_values_kept",
        ),
    ),
    Mutant(
        name="a re-basing swaps its factors",
        file=_CHANGE,
        before="        new_factor=factor(float(after.close[0]), float(after.adjusted_close[0])),",
        after="        new_factor=factor(float(before.close[0]), float(before.adjusted_close[0])),",
        harm="a re-basing says that nothing was re-based",
        tests=(f"{_TRAVEL}::test_a_rebasing_is_one_row_however_long_the_history",),
    ),
    Mutant(
        name="a restated volume passes for a split's",
        file=_CHANGE,
        before="_VOLUME_ROUNDING = 0.001",
        after="_VOLUME_ROUNDING = 0.1",
        harm="a volume restated by up to 10 % together with a split loses its old value",
        tests=(_TRAVEL,),
        circumstances=2,
    ),
    Mutant(
        name="volumes restated with a dividend pass for a split's",
        file=_CHANGE,
        before="    agrees = (count > 1) & (upper <= lower * (1 + _RATIO_SPREAD))",
        after="    agrees = (count > 1) & (upper >= lower)",
        harm="restated volumes lose their old values if a dividend came with them",
        tests=(f"{_TRAVEL}::test_volumes_restated_together_with_a_dividend_are_revisions",),
        circumstances=2,
    ),
    Mutant(
        name="a stored bar among new ones is not seen",
        file=_CHANGE,
        before="    for part in _runs(new.asset_id, place):",
        after="    for part in _runs(new.asset_id):",
        harm="as of an earlier moment, bars that were known then are missing",
        tests=(f"{_TRAVEL}::test_what_arrives_is_logged_in_ranges_between_stored_bars",),
        circumstances=2,
    ),
    Mutant(
        name="a withdrawn bar leaves no revision",
        file="src/data_nexus/database/store/stored_bars.py",
        before="    await _keep_old(connection, withdrawn, are_withdrawn=True)\n",
        after="",
        harm="as of an earlier moment, a bar that was known then is missing",
        tests=(f"{_WITHDRAWALS}::test_each_moment_shows_a_bar_as_long_as_the_vendor_sent_it",),
    ),
    Mutant(
        name="a bar that came again was never away",
        file="src/data_nexus/database/reader/bars.sql",
        before="        WHERE a.asset_id = p.asset_id AND a.committed_at < p.valid_until AND a.arrived @> p.date",
        after="        WHERE a.asset_id = p.asset_id AND a.committed_at > p.valid_until AND a.arrived @> p.date",
        harm="as of a moment between withdrawal and return, the bar is shown",
        tests=(f"{_WITHDRAWALS}::test_each_moment_shows_a_bar_as_long_as_the_vendor_sent_it",),
        circumstances=2,
    ),
    Mutant(
        name="withdrawn bars are not logged",
        file=_SQL,
        before="           passes_to, cause, lost, withdrawn\n",
        after="           passes_to, cause, lost, 0\n",
        harm="`verify` finds bars missing that the vendor withdrew",
        tests=(f"{_WITHDRAWALS}::test_a_withdrawn_bar_is_a_revision_and_is_counted_beside",),
    ),
    Mutant(
        name="an answer that was cut withdraws what it lacks",
        file=_WITHDRAWAL,
        before="    if len(after) > A_FEW:",
        after="    if len(after) > 10 * A_FEW:",
        harm="the last bars of a history go because an answer was cut",
        tests=(
            "tests/unit/domain/validation/test_withdrawal.py::test_an_answer_that_lacks_more_than_a_few_bars_at_an_end_is_cut",
        ),
        circumstances=2,
    ),
    Mutant(
        name="one answer that may be old withdraws the last bars",
        file=_WITHDRAWAL,
        before=" and not is_confirmed\n",
        after=" and False\n",
        harm="a copy of the vendor that is behind takes the last bars of all assets",
        tests=(
            "tests/unit/domain/validation/test_withdrawal.py::test_last_bars_stay_until_earlier_answers_lacked_them_too",
        ),
        circumstances=2,
    ),
    Mutant(
        name="an answer that may be old settles the sessions after its end",
        file="src/data_nexus/ingestion/histories/reader.py",
        before="        if batch.is_behind:\n",
        after="        if batch.is_behind and False:\n",
        harm="a session that was never compared is called settled",
        tests=(
            "tests/system/nightly/test_old_answers.py::test_a_last_bar_that_stays_away_for_a_week_is_withdrawn",
        ),
        circumstances=2,
    ),
    Mutant(
        name="the window of a plan withdraws what lies before it",
        file=_WITHDRAWAL,
        before="    if len(before) and _is_of_plan(sent):",
        after="    if len(before) > A_FEW and _is_of_plan(sent):",
        harm="a free key loses a bar a day",
        tests=(
            "tests/unit/domain/validation/test_withdrawal.py::test_a_notice_with_an_answer_makes_a_later_begin_the_plan_s",
        ),
        circumstances=2,
    ),
    Mutant(
        name="bars of an asset without a cursor end the run",
        file=_COMMITS,
        before="            return await self.commit([batch.as_reread() for batch in batches], run_id)",
        after="            raise",
        harm="one asset whose row was edited by hand ends every run with a bug",
        tests=(_TESTS,),
        circumstances=2,
    ),
    Mutant(
        name="a commit of unknown outcome counts as done",
        file=_COMMITS,
        before="if not receipts or await self._settled(batches) != receipts.keys():",
        after="if not receipts:",
        harm="an answer that never arrived is called stored",
        tests=(f"{_LOST}::test_a_commit_that_never_arrived_left_nothing_and_is_done_again",),
        circumstances=2,
    ),
    Mutant(
        name="a commit under way is not waited for",
        file=_COMMITS,
        before='            await rows_of(connection, "await_leases", {"asset_ids": asset_ids}, scalar_row)\n',
        after="",
        harm="a commit that the server finishes a moment later is done twice or called lost",
        tests=(f"{_LOST}::test_a_commit_under_way_is_waited_for", _LOST),
        circumstances=2,
    ),
    Mutant(
        name="a distrusted lease is written under",
        file=_COMMITS,
        before="trusted = [batch for batch in batches if self._leases.trusts(batch.lease)]",
        after="trusted = [*batches]",
        harm="a worker that was stopped for an hour writes under leases that it may have lost",
        tests=(
            f"{_TESTS}::test_a_lease_whose_time_has_passed_on_the_worker_s_own_clock_writes_nothing",
        ),
        circumstances=2,
    ),
    Mutant(
        name="findings that no longer apply stay",
        file=_SQL,
        before="      AND NOT EXISTS (SELECT FROM found n WHERE n.asset_id = f.asset_id AND n.rule = f.rule)",
        after="      AND NOT EXISTS (SELECT FROM found n WHERE n.asset_id = f.asset_id) AND false",
        harm="an asset that the vendor has explained stays unexplained",
        tests=(f"{_ACTIONS_TESTS}::test_a_history_that_is_explained_takes_mark_and_findings_away",),
    ),
    Mutant(
        name="a day's dividends withdraw all others",
        file=_ACTIONS_SQL,
        before=(
            "          d.asset_id = ANY(%(whole_ids)s::int[])\n"
            "          OR (d.asset_id, d.date) IN (SELECT asset_id, date FROM received)\n"
        ),
        after=(
            "          d.asset_id = ANY(%(whole_ids)s::int[])\n"
            "          OR d.asset_id IN (SELECT asset_id FROM received)\n"
        ),
        harm="each dividend deletes those before it",
        tests=(
            "tests/contract/store/test_bulk_store.py::test_a_day_s_actions_leave_those_of_other_days",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a repeated dividend becomes known anew",
        file=_ACTIONS_SQL,
        before="        SELECT min(o.stored_at)\n",
        after="        SELECT now()\n",
        harm="as of yesterday, a dividend of last year was not known",
        tests=(f"{_ACTIONS_TESTS}::test_a_dividend_keeps_the_moment_at_which_it_became_known",),
        circumstances=2,
    ),
    Mutant(
        name="actions are stored for whoever has the asset now",
        file=_ACTIONS_SQL,
        before="WHERE id = %(asset_id)s AND fence = %(fence)s AND symbol = %(code)s AND exchange = %(exchange)s\nFOR UPDATE",
        after="WHERE id = %(asset_id)s AND fence = %(fence)s AND %(code)s::text IS NOT NULL AND exchange = %(exchange)s\nFOR UPDATE",
        harm="actions fetched under the old code are stored for the company that has it now",
        tests=(
            "tests/contract/queue/test_action_claims.py::test_nothing_is_written_when_the_asset_is_not_what_was_asked_for",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a withdrawn split leaves no revision",
        file=_ACTIONS_SQL,
        before="    SELECT asset_id, date, now(), numerator, denominator, stored_at, reported_at FROM withdrawn\n    UNION ALL\n",
        after="",
        harm="reads as of a moment lose a split that was known then",
        tests=(
            "tests/contract/reader/test_no_look_ahead.py::test_a_withdrawn_split_is_still_what_was_known_then",
        ),
        circumstances=2,
    ),
)
