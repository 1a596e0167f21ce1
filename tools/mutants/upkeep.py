"""Mistakes in what finds damage and keeps promises: invariants, repairs, limits of a run."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_SQL = "src/data_nexus/database/reader/invariants.sql"
_TESTS = "tests/contract/reader/test_invariants.py"
_BREACHES = f"{_TESTS}::test_each_breach_is_found_and_its_asset_named"

MUTANTS = (
    Mutant(
        name="verify does not add up the rows of answers",
        file=_SQL,
        before="WHERE received <> inserted + revised + unchanged + rejected",
        after="WHERE received < inserted + revised + unchanged",
        harm="a row that vanished between the wire and the table is not missed",
        tests=(_BREACHES,),
        circumstances=2,
    ),
    Mutant(
        name="verify does not see a fence ahead of its asset",
        file=_SQL,
        before="WHERE a.id IS NULL OR l.fence > a.fence",
        after="WHERE a.id IS NULL",
        harm="an answer committed under a fence that was never given out is called sound",
        tests=(_BREACHES,),
        circumstances=2,
    ),
    Mutant(
        name="verify does not miss an answer in the log",
        file=_SQL,
        before="WHERE (a.last_synced IS NOT NULL) <>\n      EXISTS",
        after="WHERE a.last_synced IS NULL AND\n      EXISTS",
        harm="an asset is called loaded although no answer is in the log",
        tests=(_BREACHES,),
        circumstances=2,
    ),
    Mutant(
        name="verify does not look at the last bar",
        file=_SQL,
        before="WHERE a.last_bar IS DISTINCT FROM seen.last_bar\n   OR a.synced_through",
        after="WHERE a.synced_through",
        harm="a window that begins at the wrong bar is called sound",
        tests=(_BREACHES,),
        circumstances=2,
    ),
    Mutant(
        name="suspects do not count towards the limit",
        file="src/data_nexus/ingestion/histories/queue.py",
        before="        self.taken += len(leases)\n",
        after="        self.taken += 0 if suspect else len(leases)\n",
        harm="a run with a limit takes more assets than it was asked for",
        tests=("tests/contract/queue/test_claims.py::test_suspects_count_towards_the_limit",),
        circumstances=2,
    ),
)
