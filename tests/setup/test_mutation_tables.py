"""The tables of the mutation run: each defence stands where they say, and each security case names what proves it."""

import re

import pytest

from bridge.settings import ROOT
from bridge.setup.mutation.defences import node_of, read_removals
from bridge.setup.mutation.equivalents import read_equivalents
from tests.lti.launch_rows import ROWS
from tests.lti.test_launch_rows import CASES, TOLD

REMOVALS = read_removals(ROOT / "tests" / "lti" / "defences")
PROVEN = {test for removal in REMOVALS for test in removal.fails}
# A suite's tests are named by the suite in README.md, and by the class that plays them where they are run.
OF_SUITES = {test.replace("test_state.py::TestMemory", "used_states_contract.py") for test in PROVEN}
COUNTS_ROWS = "test_messages.py::test_every_pair_of_types_is_a_row"  # holds the rows together, no defence


def test_each_defence_stands_where_the_table_says() -> None:
    """Where this fails, a defence has been rewritten: say in `tests/lti/defences/` how it is taken out now."""
    lost = [(one.case, one.file, one.was) for one in REMOVALS if not one.is_found_in(ROOT)]
    assert lost == []


def test_each_case_has_a_defence_that_can_be_taken_out_in_the_order_of_the_list() -> None:
    assert list(dict.fromkeys(removal.case for removal in REMOVALS)) == CASES


@pytest.mark.parametrize("case", CASES)
def test_whatever_is_named_for_a_case_is_seen_to_fail(case: str) -> None:
    rows, tests = TOLD[case]
    here = {test for test in tests if not test.startswith("tests/interop/")} - {COUNTS_ROWS}
    assert {*rows, *here} - PROVEN - OF_SUITES == set()


def test_every_row_is_seen_to_fail() -> None:
    assert [row.id for row in ROWS if row.id not in PROVEN] == []


def test_what_is_to_fail_is_there() -> None:
    rows = {row.id for row in ROWS}
    for test in PROVEN:
        if "::" not in test:
            assert test in rows
        else:
            path, *_, name = node_of(test).split("::")
            if path == "tests/lti/test_state.py":  # its suite stands beside it
                path = "tests/lti/used_states_contract.py" if "TestMemory" in test else path
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), test


def test_each_removal_changes_something_and_nothing_is_taken_out_twice() -> None:
    assert [one for one in REMOVALS if one.was == one.now or not one.fails] == []
    assert len({(one.file, one.was, one.now, one.case) for one in REMOVALS}) == len(REMOVALS)


def test_each_reason_for_a_mutant_to_live_can_be_read() -> None:
    for one in read_equivalents(ROOT / "tests" / "lti" / "equivalent_mutants.toml"):
        assert one.why
        for pattern in (one.where, one.was, one.now):
            re.compile(pattern)
