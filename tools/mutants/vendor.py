"""Mistakes in what reads the vendor: bodies, decoders, refusals, requests."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_BODY = "src/data_nexus/eodhd/body.py"
_BODY_TESTS = "tests/unit/eodhd/test_body.py"

MUTANTS = (
    Mutant(
        name="a cut gzip stream is a body",
        file=_BODY,
        before="    if not stream.eof:\n",
        after="    if not stream.eof and not text:\n",
        harm="an answer that was cut in its trailer is stored without its check",
        tests=(f"{_BODY_TESTS}::test_no_proper_prefix_of_a_gzip_stream_is_a_body",),
        circumstances=2,
    ),
    Mutant(
        name="what follows a gzip stream is ignored",
        file=_BODY,
        before="    if stream.unused_data:\n",
        after="    if stream.unused_data and not text:\n",
        harm="of an answer in two members only the first is read",
        tests=(f"{_BODY_TESTS}::test_a_stream_that_is_corrupt_or_followed_by_anything_is_broken",),
        circumstances=2,
    ),
    Mutant(
        name="an answer may not fill the cap",
        file=_BODY,
        before="    if len(text) > cap:",
        after="    if len(text) >= cap:",
        harm="the largest answer that is allowed is refused",
        tests=(f"{_BODY_TESTS}::test_what_comes_out_may_fill_the_cap_and_no_more",),
    ),
    Mutant(
        name="another symbol's answer passes beside the right name",
        file="src/data_nexus/eodhd/answer.py",
        before="        if others := named - accepted:",
        after="        if (others := named - accepted) and not named & accepted:",
        harm="rows of another company are stored if they also carry the right name",
        tests=(
            "tests/unit/eodhd/test_decode_bars.py::test_the_refusal_names_the_stranger_even_beside_the_right_name",
        ),
        circumstances=2,
    ),
    Mutant(
        name="high and low change places",
        file="src/data_nexus/eodhd/decode_bars.py",
        before='NUMBERS = ("open", "high", "low", "close", "adjusted_close", "volume")',
        after='NUMBERS = ("open", "low", "high", "close", "adjusted_close", "volume")',
        harm="every bar stored has its high and its low swapped",
        tests=("tests/unit/eodhd/test_decode_bars.py",),
    ),
    Mutant(
        name="a date in another form is read",
        file="src/data_nexus/eodhd/decode_actions.py",
        before="    if not isinstance(value, str) or not _DATE.fullmatch(value):",
        after="    if not isinstance(value, str):",
        harm="20230103 and 2023-W01-2 become dates that the vendor did not mean",
        tests=("tests/unit/eodhd/test_decode_actions.py",),
    ),
    Mutant(
        name="a split that is sent twice is applied twice",
        file="src/data_nexus/eodhd/decode_actions.py",
        before="        firsts.setdefault((each.code, each.action.fingerprint), each)",
        after="        firsts.setdefault((each.code, each.row), each)",
        harm="a repeated row contradicts itself, and the split is lost",
        tests=("tests/unit/eodhd/test_decode_actions.py::test_a_split_told_twice_is_one_split",),
        circumstances=2,
    ),
    Mutant(
        name="contradictions reach across codes",
        file="src/data_nexus/eodhd/decode_actions.py",
        before="    times_by_day = Counter((each.code, each.action.date) for each in firsts.values())",
        after='    times_by_day = Counter(("", each.action.date) for each in firsts.values())',
        harm="two companies that split on one day are said not to contradict themselves when they do",
        tests=(
            "tests/unit/eodhd/test_decode_bulk.py::test_repeats_and_contradictions_are_those_of_one_code",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a bulk row of another day is the requested day's",
        file="src/data_nexus/eodhd/decode_bulk.py",
        before="        elif written != requested:",
        after="        elif not date_of(written):",
        harm="yesterday's prices are stored as today's",
        tests=(
            "tests/unit/eodhd/test_decode_bulk.py::test_a_row_that_was_not_asked_for_is_rejected_by_name",
        ),
    ),
    Mutant(
        name="a bulk code's contradicting rows keep the first",
        file="src/data_nexus/domain/validation/duplicates.py",
        before="        kept=rows[firsts[agrees]],\n        is_merged=~is_equal[agrees],",
        after="        kept=rows[firsts],\n        is_merged=~is_equal,",
        harm="of two prices for one code the first is believed",
        tests=(
            "tests/unit/eodhd/test_decode_bulk.py::test_different_rows_of_a_code_reject_each_other",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a symbol list that was cut is a list",
        file="src/data_nexus/eodhd/decode_symbols.py",
        before='    if not body.endswith(b"\\n") or any(len(row) != len(CSV_HEADER) for row in rows):',
        after="    if any(len(row) != len(CSV_HEADER) for row in rows):",
        harm="a list that was cut within its last word delists the rest",
        tests=(
            "tests/unit/eodhd/test_decode_symbols.py::test_a_csv_list_that_is_cut_within_a_line_is_broken",
        ),
        circumstances=2,
    ),
    Mutant(
        name="a whole history has a first date",
        file="src/data_nexus/eodhd/requests.py",
        before='    dates = () if window.is_whole else (("from", window.first.isoformat()),)',
        after='    dates = (("from", window.first.isoformat()),)',
        harm="the vendor is asked from 1700 on, which it may refuse",
        tests=("tests/unit/eodhd/test_requests.py::test_a_whole_history_names_no_dates",),
    ),
    Mutant(
        name="a rename that leads to itself is one",
        file="src/data_nexus/eodhd/decode_symbol_changes.py",
        before="or not is_code(new) or old == new:",
        after="or not is_code(new):",
        harm="a line without a change is followed",
        tests=(
            "tests/unit/eodhd/test_decode_symbol_changes.py::test_a_line_that_names_no_two_codes_and_a_day_is_counted_and_left_out",
        ),
    ),
    Mutant(
        name="an excerpt is cut before it is redacted",
        file="src/data_nexus/domain/texts.py",
        before='    said = redact(visible(head.decode("utf-8", "replace") if isinstance(head, bytes) else head))',
        after='    said = redact(visible(head.decode("utf-8", "replace") if isinstance(head, bytes) else head)[:most])',
        harm="half of the token is stored where the cut goes through it",
        tests=(
            "tests/unit/eodhd/test_vendor_texts.py::test_an_excerpt_is_redacted_before_it_is_cut_at_every_offset",
        ),
        circumstances=2,
    ),
)
