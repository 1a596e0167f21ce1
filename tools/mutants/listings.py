"""Mistakes in symbol lists: what is listed, renamed, retired, and since when."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_SQL = "src/data_nexus/database/store/listings.sql"
_SUCCESSIONS_SQL = "src/data_nexus/database/store/successions.sql"
_RENAMES = "src/data_nexus/domain/listings/renames.py"
_UNIVERSE_SQL = "src/data_nexus/database/reader/universe.sql"
_LISTINGS = "tests/contract/store/test_listings.py"
_HISTORY = "tests/contract/store/test_listing_history.py"
_SUCCESSION = "tests/contract/store/test_succession.py"
_DECISIONS = "tests/unit/domain/listings/test_succession.py"

MUTANTS = (
    Mutant(
        name="a list read at midnight is of the day before",
        file=_UNIVERSE_SQL,
        before="  AND l.from_moment < %(day_end)s\n",
        after="  AND l.from_moment <= %(day_end)s\n",
        harm="the universe of a day holds what was not known until the next",
        tests=(
            f"{_HISTORY}::test_a_discovery_around_midnight_is_of_the_day_that_has_begun_in_utc",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a listing that ends at midnight has left the day before",
        file=_UNIVERSE_SQL,
        before="  AND (l.until_moment IS NULL OR l.until_moment >= %(day_end)s)",
        after="  AND (l.until_moment IS NULL OR l.until_moment > %(day_end)s)",
        harm="the universe of a day lacks what was listed on it",
        tests=(
            f"{_HISTORY}::test_a_discovery_around_midnight_is_of_the_day_that_has_begun_in_utc",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a discovery at midnight covers the day before",
        file=_UNIVERSE_SQL,
        before="AND NOT d.is_delisted AND d.moment < %(day_end)s",
        after="AND NOT d.is_delisted AND d.moment <= %(day_end)s",
        harm="the universe of the day before the first list is empty",
        tests=(
            f"{_HISTORY}::test_a_first_discovery_around_midnight_covers_the_day_that_it_was_made_in",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a day ends a minute early",
        file="src/data_nexus/database/reader/universe.py",
        before="    day_end = datetime.combine(day + timedelta(1), time(), UTC)",
        after="    day_end = datetime.combine(day, time(23, 59), UTC)",
        harm="a list read in a day's last minute is not of that day",
        tests=(
            f"{_HISTORY}::test_a_discovery_around_midnight_is_of_the_day_that_has_begun_in_utc",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a renamed asset goes on resting",
        file=_SUCCESSIONS_SQL,
        before="    ask_after = NULL,\n",
        after="",
        harm="a company that was renamed is not asked for under its new code for up to 64 days",
        tests=(f"{_SUCCESSION}::test_a_renamed_asset_that_rests_is_asked_for_under_its_new_code",),
        circumstances=2,
    ),
    Mutant(
        name="a renamed asset rests as long as under its old code",
        file=_SUCCESSIONS_SQL,
        before="    times_empty = 0,\n",
        after="",
        harm="the first empty answer under a new code makes an asset rest for weeks",
        tests=(f"{_SUCCESSION}::test_a_renamed_asset_that_rests_is_asked_for_under_its_new_code",),
        circumstances=2,
    ),
    Mutant(
        name="a chain of renames runs back in time",
        file=_RENAMES,
        before="        code, earliest = change.new, change.effective\n",
        after="        code = change.new\n",
        harm="an asset gets the code to which another company had moved before",
        tests=(f"{_DECISIONS}::test_a_chain_of_changes_does_not_run_back_in_time",),
        circumstances=2,
    ),
    Mutant(
        name="a rename of the day before is of another asset",
        file=_RENAMES,
        before="    code, earliest, seen = holder.code, holder.since - _LAG, set[str]()",
        after="    code, earliest, seen = holder.code, holder.since, set[str]()",
        harm="a rename that the vendor's list shows late makes a second asset",
        tests=(f"{_DECISIONS}::test_a_change_before_the_asset_bore_the_code_is_of_another_asset",),
        circumstances=2,
    ),
    Mutant(
        name="one of two with an ISIN is renamed",
        file=_RENAMES,
        before="        if len(old) == len(new) == 1 and _may_take(new[0]):",
        after="        if len(new) == 1 and _may_take(new[0]):",
        harm="of two listings of one class, the wrong one gets the new code",
        tests=(f"{_DECISIONS}::test_an_isin_with_two_on_one_side_is_a_doubt",),
        circumstances=2,
    ),
    Mutant(
        name="an ISIN that changed means a new company",
        file=_RENAMES,
        before="    return Identity.OTHER if is_new_isin and by_name is Identity.OTHER else Identity.SAME",
        after="    return Identity.OTHER if is_new_isin else Identity.SAME",
        harm="a reverse split cuts a history in two",
        tests=(f"{_DECISIONS}::test_a_code_that_stayed_is_a_newcomer_s_only_by_isin_and_name",),
        circumstances=2,
    ),
    Mutant(
        name="names decide although ISINs are known",
        file="src/data_nexus/domain/listings/succession.py",
        before="    if isin and other_isin:",
        after="    if isin and other_isin and isin == other_isin:",
        harm="a company with the name of a bankrupt one continues its history",
        tests=(f"{_DECISIONS}::test_identity_is_the_isin_s_or_else_the_name_s",),
        circumstances=2,
    ),
    Mutant(
        name="a share that was just accepted is too much",
        file="src/data_nexus/database/store/listings.py",
        before="        return compared.missing > self.max_shrink * compared.active",
        after="        return compared.missing >= self.max_shrink * compared.active",
        harm="a list that lost exactly the accepted share deactivates nothing",
        tests=(f"{_LISTINGS}::test_a_loss_of_exactly_the_accepted_share_is_believed",),
    ),
    Mutant(
        name="a list of some types ends all others",
        file=_SQL,
        before="  AND NOT a.is_delisted\n  AND (%(types)s::text[] = '{}' OR a.asset_type = ANY (%(types)s))\n  AND NOT EXISTS",
        after="  AND NOT a.is_delisted\n  AND NOT EXISTS",
        harm="a discovery of the funds deactivates every share",
        tests=(f"{_LISTINGS}::test_a_list_of_some_types_says_nothing_about_the_others",),
        circumstances=2,
    ),
    Mutant(
        name="a list of one exchange ends those of others",
        file=_SQL,
        before="WHERE a.exchange = %(exchange)s\n  AND a.retired_at IS NULL\n  AND a.is_active\n",
        after="WHERE %(exchange)s::text IS NOT NULL\n  AND a.retired_at IS NULL\n  AND a.is_active\n",
        harm="a discovery of one exchange deactivates all others",
        tests=(f"{_LISTINGS}::test_a_list_says_nothing_about_another_exchange",),
        circumstances=2,
    ),
    Mutant(
        name="a truncated list ends listings",
        file=_SQL,
        before="      THEN NOT %(shrunk)s AND (%(types)s",
        after="      THEN (%(shrunk)s OR true) AND (%(types)s",
        harm="the universe of a day is what a truncated list left of it",
        tests=(f"{_HISTORY}::test_a_shrunken_list_ends_no_listing",),
        circumstances=2,
    ),
    Mutant(
        name="a code that is listed and delisted is delisted",
        file=_SQL,
        before="WHERE NOT (excluded.is_delisted AND a.is_active AND NOT a.is_delisted)\n  AND (a.is_active",
        after="WHERE (a.is_active",
        harm="a company whose code another one had before is fetched no more",
        tests=(f"{_LISTINGS}::test_a_list_of_the_dead_with_news_leaves_living_bearers_alone",),
        circumstances=2,
    ),
    Mutant(
        name="a rename leaves the fence",
        file=_SUCCESSIONS_SQL,
        before="    is_delisted = true,\n    fence = fence + 1,\n",
        after="    is_delisted = true,\n",
        harm="a session in bulk that read an asset before its rename stores another company's bar",
        tests=(f"{_SUCCESSION}::test_a_rename_raises_the_fence",),
        circumstances=2,
    ),
    Mutant(
        name="a returned listing rests as if it were gone",
        file=_SQL,
        before="    ask_after = CASE WHEN a.is_active THEN a.ask_after END\n",
        after="    ask_after = a.ask_after\n",
        harm="a listing that returns is not asked for until its old rest is over",
        tests=(f"{_LISTINGS}::test_what_vanished_rests_and_what_returns_goes_on_where_it_was",),
        circumstances=2,
    ),
)
