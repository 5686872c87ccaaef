"""The dated record of a mutation run, in Markdown."""

import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bridge.setup.mutation.defences import Proof
from bridge.setup.mutation.equivalents import Equivalent, why_it_lives
from bridge.setup.mutation.mutants import Mutant, Score, Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run found out.

    Args:
        proofs: one for each defence that was taken out.
        scores: one for each file that was changed; none if that was not asked for.
        taken_up: an earlier run in the same folder was gone on with.
    """

    proofs: Sequence[Proof]
    scores: Sequence[Score]
    equivalents: Sequence[Equivalent]
    taken_up: bool = False

    def open_mutants(self) -> list[Mutant]:
        """Return the mutants that live without a reason."""
        return [
            mutant
            for score in self.scores
            for mutant in score.remaining
            if why_it_lives(mutant, self.equivalents) is None
        ]


def render(outcome: Outcome, command: str, tree: str, now: datetime) -> str:
    """Return the record.

    Args:
        tree: what `tree_of` said when the run began.
        now: the time of the run's end.
    """
    return "\n".join(
        [
            "# Mutation run over lti/",
            "",
            "Written by the command; nothing here is edited afterwards. Two questions: does each security case fail",
            "when its defence is taken out, and does some test notice when any line of a function is changed?",
            "",
            f"- Date: {now:%Y-%m-%d %H:%M} UTC",
            f"- Command: `{command}`",
            f"- Commit: {tree}",
            f"- Python {platform.python_version()}, {platform.system()} {platform.machine()}",
            "",
            *_defences(outcome.proofs),
            *(_mutants(outcome) if outcome.scores else []),
        ]
    )


def tree_of(root: Path) -> str:
    """Return the commit of the tree at `root`, and whether what is tested differs from it."""

    def git(*arguments: str) -> str:
        asked = ["git", "-C", str(root), *arguments]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD") or "(no repository)"
    changed = git("status", "--porcelain", "--", "lti", "tests/lti", "tests/attacks/launch")
    return f"{commit}, with changes that are not committed" if changed else commit


def _defences(proofs: Sequence[Proof]) -> Iterator[str]:
    stand = sum(proof.stands for proof in proofs)
    yield "## Defences taken out one by one"
    yield ""
    yield f"{stand} of {len(proofs)} removals (`tests/lti/defences/`) made every test fail that is named for it."
    yield "All of these tests pass while nothing is taken out."
    yield ""
    yield "| | case | what was taken out | tests that failed without it |"
    yield "|---|---|---|---|"
    for proof in proofs:
        one = proof.removal
        failed = [test.rpartition("/")[2] for test in one.fails if test not in proof.unmoved]
        said = ", ".join(failed) if not proof.trouble else proof.trouble
        if proof.unmoved:
            said += f"; **did not fail: {', '.join(proof.unmoved)}**"
        gone = f"{one.file}: {_code(one.was, 70)} → {_code(one.now, 70)}"
        yield f"| {'✓' if proof.stands else '✗'} | {one.case} | {gone} | {said} |"
    yield ""


def _mutants(outcome: Outcome) -> Iterator[str]:
    yield "## Every function changed by machine"
    yield ""
    yield "By mutmut, one change at a time; each mutant was played with those tests of `tests/lti` and of"
    yield "`tests/attacks/launch/test_over_http.py` that reach the changed function (launch rows on the core alone)."
    yield "Killed: a test failed. Timeout: the tests did not end. Equivalent: it lived, and"
    yield "`tests/lti/equivalent_mutants.toml` says why it may. Not changed: sentences for people, constants outside of"
    yield "functions, and what is decorated, which mutmut leaves alone: properties and the routes of `lti/flask.py`."
    yield ""
    yield "Score = (killed + timeout) / (tried − equivalent)."
    yield ""
    yield "| file | mutants | tried | killed | timeout | equivalent | lived | not reached | score |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    total: Counter[str] = Counter()
    untried = sum(score.counts[Verdict.UNDECIDED] for score in outcome.scores)
    for score in outcome.scores:
        row = _row(score, outcome.equivalents)
        total += row
        yield _line(score.file, row)
    yield _line("**all**", total)
    yield ""
    if untried:
        yield f"The run was stopped before its end: {untried} mutants were not tried."
        yield ""
    if outcome.taken_up:
        yield "It took up an earlier run: what that one had killed was not tried again where the function is the same."
        yield ""
    yield from _remaining(outcome)


def _row(score: Score, equivalents: Sequence[Equivalent]) -> Counter[str]:
    row = Counter(
        {
            "all": sum(score.counts.values()),
            "tried": sum(score.counts.values()) - score.counts[Verdict.UNDECIDED],
            "killed": score.counts[Verdict.KILLED],
            "timeout": score.counts[Verdict.TIMEOUT],
        }
    )
    for mutant in score.remaining:
        if why_it_lives(mutant, equivalents) is not None:
            row["equivalent"] += 1
        else:
            row["unreached" if mutant.verdict is Verdict.UNREACHED else "lived"] += 1
    return row


def _line(name: str, row: Counter[str]) -> str:
    counted = row["tried"] - row["equivalent"]
    percent = f"{100 * (row['killed'] + row['timeout']) / counted:.1f} %" if counted else "–"
    numbers = (
        row[each] for each in ("all", "tried", "killed", "timeout", "equivalent", "lived", "unreached")
    )
    return f"| {name} | {' | '.join(str(number) for number in numbers)} | {percent} |"


def _remaining(outcome: Outcome) -> Iterator[str]:
    for title, wanted in (("Lived without a reason", False), ("Lived, and may", True)):
        found = [
            (mutant, why)
            for score in outcome.scores
            for mutant in score.remaining
            if ((why := why_it_lives(mutant, outcome.equivalents)) is not None) is wanted
        ]
        yield f"### {title}: {len(found)}"
        yield ""
        if found:
            yield "| function | was | became | why |"
            yield "|---|---|---|---|"
        for mutant, why in found:
            where = f"{mutant.file.removeprefix('lti/')} {mutant.function}"
            said = why or mutant.verdict.value
            yield f"| {where} | {_code(mutant.was)} | {_code(mutant.now)} | {said} |"
        yield ""


def _code(text: str, longest: int = 110) -> str:
    flat = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return f"`{flat[:longest]}{'…' if len(flat) > longest else ''}`" if flat else "(gone)"
