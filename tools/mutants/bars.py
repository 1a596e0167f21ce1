"""Mistakes in what bars mean: rules, overlap, adjustment, calendar, and reads of the past."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_OVERLAP = "src/data_nexus/domain/validation/overlap.py"
_RULES = "src/data_nexus/domain/validation/rules.py"
_DUPLICATES = "src/data_nexus/domain/validation/duplicates.py"
_CHECK = "src/data_nexus/domain/validation/check.py"
_FACTORS = "src/data_nexus/domain/adjustment/factors.py"
_FINDINGS = "src/data_nexus/domain/adjustment/findings.py"
_BARS_SQL = "src/data_nexus/database/reader/bars.sql"
_OVERLAP_TESTS = "tests/unit/domain/validation/test_overlap.py"
_FACTOR_TESTS = "tests/unit/domain/adjustment/test_adjustment.py"
_FINDING_TESTS = "tests/unit/domain/adjustment/test_findings.py"
_TRAVEL = "tests/contract/reader/test_time_travel.py"
_PUBLICATION = "src/data_nexus/domain/calendar/publication.py"
_PUBLICATION_TESTS = "tests/unit/domain/calendar/test_publication.py"
_WINDOW_TESTS = "tests/unit/domain/test_window.py"

MUTANTS = (
    Mutant(
        name="a correction of the last session re-reads all",
        file=_OVERLAP,
        before="    earlier = before.date < stored.date.max()",
        after="    earlier = before.date < answered.date.max()",
        harm="each late correction of a close costs a second request",
        tests=(_OVERLAP_TESTS,),
        circumstances=2,
    ),
    Mutant(
        name="a restatement does not break the overlap",
        file=_OVERLAP,
        before="    if (_raw_differs(before, after) & earlier).any():",
        after="    if (_raw_differs(before, after) & earlier).all():",
        harm="bars before the window that were restated as well are never read again",
        tests=(f"{_OVERLAP_TESTS}::test_a_raw_value_before_the_last_bar_is_a_restatement",),
    ),
    Mutant(
        name="a restated volume does not break the overlap",
        file=_OVERLAP,
        before='    for name in ("open", "high", "low", "close", "volume"):',
        after='    for name in ("open", "high", "low", "close"):',
        harm="restated volumes before the window are never read again",
        tests=(f"{_OVERLAP_TESTS}::test_a_raw_value_before_the_last_bar_is_a_restatement",),
    ),
    Mutant(
        name="a restatement is ignored where assets are fetched individually",
        file="src/data_nexus/ingestion/histories/reader.py",
        before="            if await self._is_broken(lease, history):",
        after="            if await self._is_broken(lease, history) and lease.symbol in self.named:",
        harm="after a split only the last bars of an asset are re-based",
        tests=(
            "tests/system/load/test_seam.py::test_a_restatement_within_the_window_has_the_whole_history_read_again",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a withdrawn window continues what is stored",
        file=_OVERLAP,
        before="    if not len(old):\n        return Break.WITHDRAWN",
        after="    if not len(old):\n        return None",
        harm="bars that the vendor withdrew stay without a word",
        tests=(f"{_OVERLAP_TESTS}::test_an_answer_without_any_of_the_stored_bars_is_a_break",),
    ),
    Mutant(
        name="today's bar is from the future",
        file=_RULES,
        before="        lambda b, w: b.date <= days(w.last),",
        after="        lambda b, w: b.date < days(w.last),",
        harm="the bar of a market that is ahead of UTC is rejected for a day",
        tests=(
            "tests/unit/domain/validation/test_rules.py::test_a_bar_at_the_edge_of_a_rule_breaks_none",
        ),
    ),
    Mutant(
        name="an open of 0 makes every low a wrong one",
        file=_RULES,
        before="choose(np.where(bars.open != 0, bars.open, bars.close), bars.close)",
        after="choose(bars.open, bars.close)",
        harm="old bars without an open are flagged for their lows",
        tests=(
            "tests/unit/domain/validation/test_rules.py::test_high_and_low_bracket_the_others_of_which_an_open_of_zero_is_none",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a negative price is a price of every asset",
        file=_RULES,
        before="        lambda b, _: _all_prices(b, lambda p: ~(p < 0)),\n        PriceKind.POSITIVE,",
        after="        lambda b, _: _all_prices(b, lambda p: ~(p < 0)),\n        PriceKind.SIGNED,",
        harm="a share's price of -1 is stored, and a yield of -0.45 is lost",
        tests=(
            "tests/unit/domain/validation/test_rules.py::test_yields_and_commodities_may_be_zero_or_negative_and_are_flagged",
        ),
        circumstances=2,
    ),
    Mutant(
        name="of two rows for a session the smaller volume is kept",
        file=_DUPLICATES,
        before="-_ranked(bars.volume), keys",
        after="_ranked(bars.volume), keys",
        harm="the volume of the last bar is the one from before it was settled",
        tests=(
            "tests/unit/domain/validation/test_check.py::test_of_rows_that_differ_in_volume_alone_the_larger_one_is_the_bar",
        ),
        circumstances=2,
    ),
    Mutant(
        name="repeats without a volume contradict each other",
        file=_DUPLICATES,
        before="(highest == lowest) | np.logical_and.reduceat(is_missing, firsts)",
        after="highest == lowest",
        harm="two equal rows without a volume count as rows that differ",
        tests=(
            "tests/unit/domain/validation/test_check.py::test_repeats_without_a_volume_are_repeats_too",
        ),
        circumstances=2,
    ),
    Mutant(
        name="flags count repeated rows",
        file=_CHECK,
        before="(broken := np.count_nonzero(~rule.holds(kept, window)))",
        after="(broken := np.count_nonzero(~rule.holds(bars, window)))",
        harm="an odd row that is sent twice counts as two odd bars",
        tests=(
            "tests/unit/domain/validation/test_check.py::test_flags_count_the_kept_rows_only",
            "tests/unit/domain/validation/test_check.py::test_a_check_of_what_was_kept_keeps_it_all",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a split on an ex-date is undone twice",
        file=_FACTORS,
        before="for s in splits if s.date > dividend.date)",
        after="for s in splits if s.date >= dividend.date)",
        harm="a dividend on the day of a split is adjusted for it twice",
        tests=(f"{_FACTOR_TESTS}::test_a_split_on_its_own_ex_date_is_in_an_amount_already",),
        circumstances=2,
    ),
    Mutant(
        name="an ex-date's own bar is adjusted",
        file=_FACTORS,
        before="    return int(np.searchsorted(dates, days(day)))",
        after='    return int(np.searchsorted(dates, days(day), side="right"))',
        harm="the first bar after a split is scaled as if it came before",
        tests=(f"{_FACTOR_TESTS}::test_a_split_scales_the_prices_before_its_ex_date",),
    ),
    Mutant(
        name="the second split of a day replaces the first",
        file=_FACTORS,
        before="            split_steps[at] = float(split_steps[at]) * split.factor",
        after="            split_steps[at] = split.factor",
        harm="of two splits between two bars only one is applied",
        tests=(f"{_FACTOR_TESTS}::test_a_split_scales_the_prices_before_its_ex_date",),
        circumstances=2,
    ),
    Mutant(
        name="pence are taken for pounds",
        file=_FACTORS,
        before="        return paid * 100\n",
        after="        return paid / 100\n",
        harm="dividends of London are a ten-thousandth of what they were",
        tests=(f"{_FACTOR_TESTS}::test_a_dividend_in_pence_or_pounds_is_the_same_dividend",),
        circumstances=2,
    ),
    Mutant(
        name="actions ahead of the bars are not applied",
        file=_FINDINGS,
        before="    ahead = [day for day in dates if last and day > last]",
        after="    ahead = [day for day in dates if last and day < last]",
        harm="on the eve of each ex-date an asset has a finding",
        tests=(
            f"{_FINDING_TESTS}::test_the_next_ex_date_counts_before_its_bar_if_the_vendor_counts_it",
        ),
        circumstances=2,
    ),
    Mutant(
        name="what was asked for in vain is asked for again at once",
        file=_FINDINGS,
        before="    if before.fingerprint == unexplained.fingerprint or known.is_recent:",
        after="    if before.fingerprint == unexplained.fingerprint and known.is_recent:",
        harm="thousands of assets that no action explains cost two calls in each audit",
        tests=(
            f"{_FINDING_TESTS}::test_what_was_asked_for_in_vain_is_not_asked_for_again_while_nothing_changes",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a window as of a moment forgets what begins before it",
        file=_BARS_SQL,
        before="      AND b.last_date >= coalesce(%(first)s::date, '-infinity') AND b.first_date <=",
        after="      AND b.first_date >= coalesce(%(first)s::date, '-infinity') AND b.first_date <=",
        harm="a backtest over a window reads adjusted closes of after a split",
        tests=(f"{_TRAVEL}::test_a_window_within_a_rebasing_has_its_old_values",),
        circumstances=2,
    ),
    Mutant(
        name="the last of several revisions is read",
        file=_BARS_SQL,
        before="    SELECT DISTINCT ON (asset_id, date) *\n    FROM restated\n    ORDER BY asset_id, date, valid_until\n",
        after="    SELECT DISTINCT ON (asset_id, date) *\n    FROM restated\n    ORDER BY asset_id, date, valid_until DESC\n",
        harm="of a bar restated twice, a past moment shows the second value",
        tests=(f"{_TRAVEL}::test_each_moment_of_any_history_reads_as_a_full_copy_made_then",),
        circumstances=2,
    ),
    Mutant(
        name="what came at the moment itself is not known",
        file=_BARS_SQL,
        before="committed_at > %(as_of)s AND arrived IS NOT NULL",
        after="committed_at >= %(as_of)s AND arrived IS NOT NULL",
        harm="as of the moment of a commit, its bars are missing",
        tests=(f"{_TRAVEL}::test_each_moment_of_any_history_reads_as_a_full_copy_made_then",),
        circumstances=2,
    ),
    Mutant(
        name="an asset that seldom trades is read from its cursor",
        file="src/data_nexus/domain/calendar/window.py",
        before="    return Window(min(last_bar - timedelta(days=reread_days), last), last)",
        after="    return Window(min(last_bar + timedelta(days=reread_days), last), last)",
        harm="nothing overlaps, so that no break is ever seen",
        tests=(f"{_WINDOW_TESTS}::test_a_cursor_is_re_read_from_some_days_before_it",),
    ),
    Mutant(
        name="the latest date is UTC's",
        file="src/data_nexus/domain/calendar/window.py",
        before="    return (moment.astimezone(UTC) + _FARTHEST_ZONE).date()",
        after="    return moment.astimezone(UTC).date()",
        harm="bars of Auckland are rejected as from the future",
        tests=(f"{_WINDOW_TESTS}::test_the_latest_date_is_the_one_that_the_farthest_zone_has",),
        circumstances=2,
    ),
    Mutant(
        name="a session is out at its close",
        file=_PUBLICATION,
        before="        return close + self.delay",
        after="        return close",
        harm="sessions are asked for before the vendor has them, at full price",
        tests=(_PUBLICATION_TESTS,),
    ),
    Mutant(
        name="funds are out on the evening",
        file=_PUBLICATION,
        before="session + timedelta(days=1), self.at",
        after="session, self.at",
        harm="funds are asked for on the day itself, when their prices are not known",
        tests=(f"{_PUBLICATION_TESTS}::test_us_funds_and_otc_shares_come_next_morning",),
        circumstances=2,
    ),
    Mutant(
        name="the last session of a window is left out",
        file="src/data_nexus/domain/calendar/sessions.py",
        before="(days(first), days(last) + 1))",
        after="(days(first), days(last)))",
        harm="the newest gap is never seen",
        tests=(
            "tests/unit/domain/calendar/test_sessions.py::test_sessions_lie_between_two_dates_with_both_ends",
        ),
    ),
    Mutant(
        name="a session that closes now has not closed",
        file="src/data_nexus/domain/calendar/sessions.py",
        before='moment.timestamp(), side="right"))',
        after='moment.timestamp(), side="left"))',
        harm="at the very moment of a close the session before counts as the last",
        tests=(
            "tests/unit/domain/calendar/test_sessions.py::test_a_session_is_past_when_it_has_closed",
        ),
        circumstances=2,
    ),
)
