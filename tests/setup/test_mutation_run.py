"""The mutation run itself, on defences that are taken out for real and on a made-up folder of mutants."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.commands.acceptance import acceptance
from bridge.settings import ROOT
from bridge.setup.mutation.defences import Proof, Removal, failing_with_all_defences, node_of, prove
from bridge.setup.mutation.equivalents import Equivalent, why_it_lives
from bridge.setup.mutation.mutants import Mutant, Score, Verdict, read_scores
from bridge.setup.mutation.record import Outcome, render

NO_KID = Removal("A1", "lti/jose.py", "    if not kid:\n", "    if False:\n", ("A1",))


def test_a_defence_that_is_taken_out_is_missed_and_nothing_else_passes_for_it(tmp_path: Path) -> None:
    idle = replace(NO_KID, now="    if not kid:  # as before\n")
    other = replace(NO_KID, fails=("A1", "A3"))
    broken = replace(NO_KID, now="    if not kid\n")
    gone = replace(NO_KID, was="this stands nowhere")
    heard: list[Proof] = []
    proofs = prove([NO_KID, idle, other, broken, gone], ROOT, tmp_path, 2, heard.append)
    assert [proof.stands for proof in proofs] == [True, False, False, False, False]
    assert [proof.unmoved for proof in proofs] == [(), ("A1",), ("A3",), (), ()]
    assert "could not run" in proofs[3].trouble
    assert "not found" in proofs[4].trouble
    assert len(heard) == 5
    # Each copy is whole again, and the tree was never touched.
    for root in (ROOT, tmp_path / "copy-0", tmp_path / "copy-1"):
        assert NO_KID.is_found_in(root)


def test_tests_that_are_red_with_all_defences_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "tree"
    red = replace(NO_KID, fails=("A1", "test_roles_nowhere.py::test_x"))
    assert failing_with_all_defences([NO_KID], ROOT, broken) == set()
    assert failing_with_all_defences([red], ROOT, broken) == {"A1", "test_roles_nowhere.py::test_x"}


@pytest.mark.parametrize(
    ("test", "node"),
    [
        ("B3", "tests/lti/test_launch_rows.py::test_row_gets_the_one_right_answer[B3]"),
        ("test_http.py::test_x", "tests/lti/test_http.py::test_x"),
        ("tests/attacks/doors/test_launch.py::test_x", "tests/attacks/doors/test_launch.py::test_x"),
    ],
)
def test_tests_are_named_as_the_table_of_cases_names_them(test: str, node: str) -> None:
    assert node_of(test) == node


MUTATED = """
def x_open__mutmut_orig(key, *, deep=True):
    if len(key) > 3:
        return None
    return key


def x_open__mutmut_1(key, *, deep=True):
    if len(key) >= 3:
        return None
    return key


def x_open__mutmut_2(key, *, deep=False):
    if len(key) > 3:
        return None
    return key


class Seal:
    def xǁSealǁread__mutmut_orig(self):
        return (
            1,
            2,
        )

    def xǁSealǁread__mutmut_1(self):
        return (
            1,
        )
"""


@pytest.fixture
def mutated(tmp_path: Path) -> Callable[..., Path]:
    def make(codes: dict[str, int | None]) -> Path:
        folder = tmp_path / "mutants" / "lti"
        folder.mkdir(parents=True)
        (folder / "seal.py").write_text(MUTATED, encoding="utf-8")
        (folder / "seal.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
        (folder / "empty.py.meta").write_text(json.dumps({"exit_code_by_key": {}}))
        return tmp_path

    return make


def test_what_lived_is_told_by_function_and_lines(mutated: Callable[..., Path]) -> None:
    folder = mutated(
        {"lti.seal.x_open__mutmut_1": 0, "lti.seal.x_open__mutmut_2": 33, "lti.seal.xǁSealǁread__mutmut_1": 0}
    )
    (score,) = read_scores(folder)
    assert score.counts == Counter({Verdict.SURVIVED: 2, Verdict.UNREACHED: 1})
    assert score.remaining == (
        Mutant("lti/seal.py", "open", "if len(key) > 3:", "if len(key) >= 3:", Verdict.SURVIVED),
        Mutant(
            "lti/seal.py",
            "open",
            "def _(key, *, deep=True):",
            "def _(key, *, deep=False):",
            Verdict.UNREACHED,
        ),
        Mutant("lti/seal.py", "Seal.read", "2,", "", Verdict.SURVIVED),
    )


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(1, Verdict.KILLED), (3, Verdict.KILLED), (-24, Verdict.TIMEOUT), (36, Verdict.TIMEOUT),
     (0, Verdict.SURVIVED), (33, Verdict.UNREACHED), (None, Verdict.UNDECIDED), (-11, Verdict.UNDECIDED)],
)  # fmt: skip
def test_only_a_failed_test_or_an_endless_one_kills(
    mutated: Callable[..., Path], code: int | None, verdict: Verdict
) -> None:
    (score,) = read_scores(mutated({"lti.seal.x_open__mutmut_1": code}))
    assert score.counts == Counter({verdict: 1})
    assert len(score.remaining) == (1 if verdict in (Verdict.SURVIVED, Verdict.UNREACHED) else 0)


LIVED = Mutant("lti/seal.py", "Seal.read", "if a > 3:", "if a >= 3:", Verdict.SURVIVED)


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"where": r"lti/seal\.py .*"}, True),
        ({"where": "lti/seal.py Seal"}, False),
        ({"was": "if a > "}, False),
        ({"now": "if a > 3:"}, False),
    ],
)
def test_a_reason_covers_what_it_names_in_full(changes: dict[str, str], covered: bool) -> None:
    reason = Equivalent("lti/seal.py Seal.read", "if a > 3:", "if a >= 3:", "a is never 3")
    assert (why_it_lives(LIVED, [replace(reason, **changes)]) is not None) is covered


def test_the_record_counts_each_mutant_once_and_hides_none() -> None:
    counts = Counter({Verdict.KILLED: 6, Verdict.TIMEOUT: 1, Verdict.SURVIVED: 2, Verdict.UNREACHED: 1})
    counts[Verdict.UNDECIDED] = 90
    other = replace(LIVED, was="x | y", now="x")
    unreached = replace(LIVED, function="never", verdict=Verdict.UNREACHED)
    outcome = Outcome(
        [Proof(NO_KID), Proof(replace(NO_KID, fails=("A1", "A3")), unmoved=("A3",))],
        [Score("lti/seal.py", counts, (LIVED, other, unreached))],
        [Equivalent("lti/seal.py Seal.read", "if a > 3:", "if a >= 3:", "a is never 3")],
    )
    text = render(
        outcome, "./anxue acceptance mutation", "0f1e2d3c4b5a", datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    )
    assert "| lti/seal.py | 100 | 10 | 6 | 1 | 1 | 1 | 1 | 77.8 % |" in text
    assert "- Commit: 0f1e2d3c4b5a\n" in text
    assert "90 mutants were not tried" in text
    assert "took up an earlier run" not in text
    assert "1 of 2 removals" in text
    assert "| ✓ | A1 | lti/jose.py: `if not kid:` → `if False:` | A1 |" in text
    assert "**did not fail: A3**" in text
    assert "Lived without a reason: 2" in text
    assert "| seal.py Seal.read | `if a > 3:` | `if a >= 3:` | a is never 3 |" in text
    assert r"`x \| y`" in text
    assert [mutant.function for mutant in outcome.open_mutants()] == ["Seal.read", "never"]


def test_the_command_is_listed_and_knows_the_modules_of_the_library() -> None:
    assert "mutation" in CliRunner().invoke(acceptance, ["--help"]).output
    refused = CliRunner().invoke(acceptance, ["mutation", "no_such_module"])
    assert (refused.exit_code, "no_such_module" in refused.output) == (2, True)
