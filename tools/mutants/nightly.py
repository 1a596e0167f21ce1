"""Mistakes in planning and in the nightly update: what is due, bulk sessions, gaps, the audit."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_SESSIONS_SQL = "src/data_nexus/database/store/bulk/sessions.sql"
_CLASSES = "src/data_nexus/domain/validation/bulk_session.py"
_BULK = "src/data_nexus/ingestion/nightly/bulk.py"
_STORE_TESTS = "tests/contract/store/test_bulk_store.py"
_CLASS_TESTS = "tests/unit/domain/validation/test_bulk_session.py"
_PLAN_TESTS = "tests/unit/domain/planning"
_UPDATE_TESTS = "tests/system/nightly/test_update.py"

MUTANTS = (
    Mutant(
        name="a second look settles what was open before it",
        file="src/data_nexus/database/store/bulk/second_looks.sql",
        before="  AND settled_through >= %(before)s\n",
        after="",
        harm="an asset that missed a settlement is called settled without it",
        tests=(
            "tests/system/nightly/test_late_news.py::test_an_asset_that_misses_one_settlement_is_read_in_the_next_update_and_goes_on",
        ),
        circumstances=2,
    ),
    Mutant(
        name="of several new bars only the newest may leap",
        file="src/data_nexus/domain/validation/leaps.py",
        before="    first = max(1, int(np.searchsorted(bars.date, days(since))))\n",
        after="    first = max(1, len(bars) - 1)\n",
        harm="a split that was not worked in is not found where several sessions came at once",
        tests=(
            "tests/unit/domain/planning/test_suspicion.py::test_the_first_leap_among_several_new_bars_is_found_wherever_it_lies",
        ),
        circumstances=2,
    ),
    Mutant(
        name="actions of a day go to a retired asset",
        file=_SESSIONS_SQL,
        before="WHERE exchange = %(exchange)s AND symbol = ANY(%(codes)s::text[]) AND retired_at IS NULL",
        after="WHERE exchange = %(exchange)s AND symbol = ANY(%(codes)s::text[])",
        harm="a split of the company that has a code now is stored for the one that had it before",
        tests=(
            f"{_STORE_TESTS}::test_actions_and_rejected_rows_are_of_the_asset_that_has_their_code_now",
        ),
        circumstances=2,
    ),
    Mutant(
        name="rejected rows of a day go to a retired asset",
        file=_SESSIONS_SQL,
        before="      ON a.exchange = %(exchange)s AND a.symbol = t.code AND a.retired_at IS NULL",
        after="      ON a.exchange = %(exchange)s AND a.symbol = t.code",
        harm="rejected rows show up at an asset that the vendor said nothing of",
        tests=(
            f"{_STORE_TESTS}::test_actions_and_rejected_rows_are_of_the_asset_that_has_their_code_now",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a day's bar goes to a retired asset",
        file=_SESSIONS_SQL,
        before="SELECT q.id, q.symbol, q.fence, m.date - '1970-01-01'::date AS last_day, m.close, m.adjusted_close,\n       m.date IS DISTINCT FROM q.last_bar AS is_damaged\nFROM queued_assets q",
        after="SELECT q.id, q.symbol, q.fence, m.date - '1970-01-01'::date AS last_day, m.close, m.adjusted_close,\n       m.date IS DISTINCT FROM q.last_bar AS is_damaged\nFROM assets q",
        harm="a bar of the company that has a code now continues the history of the one before it",
        tests=(f"{_STORE_TESTS}::test_a_bar_is_of_the_asset_that_has_its_code_now",),
        circumstances=2,
    ),
    Mutant(
        name="a survey counts a retired asset",
        file=_SESSIONS_SQL,
        before="SELECT q.id, q.symbol AS code, q.last_bar, q.asset_type\nFROM queued_assets q",
        after="SELECT q.id, q.symbol AS code, q.last_bar, q.asset_type\nFROM assets q",
        harm="an old last bar stands for that of the asset that has the code now",
        tests=(f"{_STORE_TESTS}::test_a_bar_is_of_the_asset_that_has_its_code_now",),
        circumstances=2,
    ),
    Mutant(
        name="an absent asset gets a last bar",
        file=_SESSIONS_SQL,
        before="        last_bar = CASE WHEN is_stored THEN %(session)s ELSE a.last_bar END,",
        after="        last_bar = %(session)s,",
        harm="a gap is never seen, and `verify` finds a broken cursor",
        tests=(f"{_STORE_TESTS}::test_bars_cursors_and_log_enter_together",),
        circumstances=2,
    ),
    Mutant(
        name="a session is written over a lease",
        file=_SESSIONS_SQL,
        before="    WHERE a.id = s.asset_id AND a.fence = s.fence AND a.lease_owner IS NULL\n    RETURNING a.id, a.fence, is_stored",
        after="    WHERE a.id = s.asset_id AND a.lease_owner IS NULL\n    RETURNING a.id, a.fence, is_stored",
        harm="a bar that a worker has stored meanwhile ends the update with a duplicate",
        tests=(f"{_STORE_TESTS}::test_an_asset_that_was_advanced_meanwhile_is_left_out",),
        circumstances=2,
    ),
    Mutant(
        name="a session lets suspects take part",
        file=_SESSIONS_SQL,
        before="  AND q.lease_owner IS NULL\n  AND q.times_rescued = 0",
        after="  AND q.lease_owner IS NULL",
        harm="an asset that takes down its worker takes the update of a whole exchange down",
        tests=(f"{_STORE_TESTS}::test_a_suspect_is_left_to_be_fetched_alone",),
        circumstances=2,
    ),
    Mutant(
        name="bars of another day are stored as the session's",
        file=_CLASSES,
        before="        candidates.last_day < days(bulk_session.session)\n",
        after="        candidates.last_day <= days(bulk_session.session)\n",
        harm="an asset that has the session's bar already ends the whole transaction",
        tests=(f"{_CLASS_TESTS}::test_only_what_is_unbroken_is_carried_on",),
        circumstances=2,
    ),
    Mutant(
        name="a gap is advanced over",
        file=_CLASSES,
        before="    is_stored = has_bar & continues & reaches_up & ~is_named",
        after="    is_stored = has_bar & continues & ~is_named",
        harm="bars that came late are never fetched",
        tests=(f"{_CLASS_TESTS}::test_only_what_is_unbroken_is_carried_on",),
        circumstances=2,
    ),
    Mutant(
        name="a day's split is advanced over",
        file=_CLASSES,
        before="    is_stored = has_bar & continues & reaches_up & ~is_named",
        after="    is_stored = has_bar & continues & reaches_up",
        harm="a history is not read again after a split whose first bar happens to fit",
        tests=(
            f"{_CLASS_TESTS}::test_an_asset_with_an_action_is_fetched_as_a_whole_however_well_its_bar_fits",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a tenfold price continues a history",
        file=_CLASSES,
        before="is_raw | is_alike, is_alike & is_near)",
        after="is_raw | is_alike, is_alike)",
        harm="an unreported split, or another company under the code, continues a history",
        tests=(f"{_CLASS_TESTS}::test_only_what_is_unbroken_is_carried_on", _CLASS_TESTS),
        circumstances=2,
    ),
    Mutant(
        name="half of the bars are no session",
        file=_CLASSES,
        before=") >= _LEAST_SHARE * len(expected)",
        after=") > _LEAST_SHARE * len(expected)",
        harm="a session of which exactly half has bars holds all cursors back",
        tests=(f"{_CLASS_TESTS}::test_a_session_is_out_when_half_of_those_that_traded_have_a_bar",),
    ),
    Mutant(
        name="a handful of odd bars is the session before",
        file=_CLASSES,
        before="    return known[-1 - int(_ODD_SHARE * len(known))] if known else None",
        after="    return known[-1] if known else None",
        harm="after a holiday with some odd bars every asset is fetched individually",
        tests=(
            f"{_CLASS_TESTS}::test_bars_reach_up_to_where_more_than_a_handful_of_assets_have_one",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a fresh asset is due",
        file="src/data_nexus/domain/planning/due.py",
        before="        if group.cursor is None or group.cursor < last:",
        after="        if group.cursor is None or group.cursor <= last:",
        harm="an update when nothing is due costs a call an asset",
        tests=(f"{_PLAN_TESTS}/test_due.py::test_what_has_the_published_session_is_not_behind",),
    ),
    Mutant(
        name="a rest ends on a day without a session",
        file="src/data_nexus/domain/planning/due.py",
        before="        if sessions.closed_by(end) > sessions.closed_by(end - timedelta(days=1)):",
        after="        if sessions.closed_by(end) >= sessions.closed_by(end - timedelta(days=1)):",
        harm="assets at rest are asked for on Sundays",
        tests=(f"{_PLAN_TESTS}/test_due.py::test_a_rest_ends_on_a_day_that_has_a_session",),
    ),
    Mutant(
        name="bulk is chosen where it costs as much",
        file="src/data_nexus/domain/planning/bulk_or_single.py",
        before="            best[end] = min(best[end], (calls + run, bulk + end - first, first))",
        after="            best[end] = min((calls + run, bulk + end - first, first), best[end], key=lambda x: x[0])",
        harm="what single requests would bring as cheaply is fetched in bulk, and then once more",
        tests=(
            f"{_PLAN_TESTS}/test_bulk_or_single.py::test_as_many_assets_as_a_session_costs_are_fetched_individually",
        ),
    ),
    Mutant(
        name="one session of a gap makes an asset fresh",
        file="src/data_nexus/domain/planning/bulk_or_single.py",
        before="    return set(sessions[first:end]) <= set(bulk)",
        after="    return bool(set(sessions[first:end]) & set(bulk))",
        harm="a plan promises fewer calls than the update takes",
        tests=(f"{_PLAN_TESTS}/test_bulk_or_single.py",),
        circumstances=2,
    ),
    Mutant(
        name="the newest session is never rechecked",
        file="src/data_nexus/domain/planning/gaps.py",
        before="    count = min(range(int(is_worth), len(open_ones) + 1), key=lambda n: _calls(n, depths))",
        after="    count = min(range(len(open_ones) + 1), key=lambda n: _calls(n, depths))",
        harm="the same gaps cost a call each in every update to come",
        tests=(
            f"{_PLAN_TESTS}/test_gaps.py::test_the_newest_session_is_rechecked_for_later_updates",
        ),
        circumstances=2,
    ),
    Mutant(
        name="an exchange's audits of the day are not counted",
        file="src/data_nexus/domain/planning/audit.py",
        before="    return max(0, min(turns, _part(of_day, records, exchange, quota.day) - today))",
        after="    return max(0, min(turns, _part(of_day, records, exchange, quota.day)))",
        harm="two updates of one exchange take the share of all others",
        tests=(
            f"{_PLAN_TESTS}/test_audit.py::test_an_update_of_one_exchange_takes_that_exchange_s_part_once_a_day",
        ),
        circumstances=2,
    ),
    Mutant(
        name="fractions of an audit's turn are lost",
        file="src/data_nexus/domain/planning/audit.py",
        before="    return each_day * (days + 1) // of - each_day * days // of",
        after="    return each_day // of",
        harm="a small exchange is never audited",
        tests=(f"{_PLAN_TESTS}/test_audit.py::test_a_small_exchange_gets_its_turns_over_the_days",),
        circumstances=2,
    ),
    Mutant(
        name="of two late sessions the second is held back",
        file=_BULK,
        before="            self._held_back = self._empty[0].scope.session if self._empty else session",
        after="            self._held_back = session",
        harm="sessions that are late are asked for asset by asset",
        tests=(f"{_UPDATE_TESTS}::test_two_sessions_that_bulk_lacks_hold_all_back",),
        circumstances=2,
    ),
    Mutant(
        name="a second absence rests no longer than the first",
        file="src/data_nexus/ingestion/histories/pipeline.py",
        before="    return None if outcome is Outcome.STORED else absence_days(lease.times_empty + 1)",
        after="    return None if outcome is Outcome.STORED else absence_days(lease.times_empty)",
        harm="an asset without bars is asked about after 1, 1, 2, 4 days",
        tests=(
            "tests/unit/ingestion/test_pipeline.py::test_each_absence_in_a_row_rests_twice_as_long",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a quiet asset is fetched every day for ever",
        file="src/data_nexus/ingestion/histories/pipeline.py",
        before="    return replace(covering, absent_days=absence_days(times))",
        after="    return covering",
        harm="thousands of names that no longer trade cost a call each day",
        tests=(
            "tests/unit/ingestion/test_pipeline.py::test_who_brings_no_new_bar_is_fetched_as_ever_four_times_and_then_less_and_less",
        ),
        circumstances=2,
    ),
)
