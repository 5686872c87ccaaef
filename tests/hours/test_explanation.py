"""`hours explain`: all time of a ledger, each stretch with the clause that decided it."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.commands.hours import hours
from bridge.hours.explanation import Explanation, explain
from bridge.hours.model import credit_class_hours
from bridge.ledger.model import Verdict, settle, write_ledger
from bridge.registry.model import ClassRunSheet
from bridge.rules.model import NoRuleInForce
from tests.ledger.study import MINUTE, START, Study, guangdong, rules, sheet


def study() -> Study:
    """Fifty credited minutes, ten provisional ones, ten after a missed check, and a lesson in a room."""
    made = Study().anchor().offline(3 * 60 * MINUTE, 4 * 60 * MINUTE + 30 * MINUTE)
    made.watch("s", 0, 50 * MINUTE).passes("s", *range(0, 51 * MINUTE, 10 * MINUTE))
    made.watch("t", 100 * MINUTE, 20 * MINUTE, unit="unit-2").check("t", 100 * MINUTE)
    return made.check("t", 110 * MINUTE, "missed")


def explained(made: Study, of: ClassRunSheet | None = None) -> Explanation:
    of = of or sheet()
    entries = made.entries()
    statement = settle(of, entries, rules(of))
    return explain(
        of, statement, credit_class_hours(statement, of, guangdong()), guangdong(), entries[-1].hash
    )


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(hours, ["explain", *map(str, arguments)])


def write(folder: Path) -> Path:
    path = folder / "ledger.jsonl"
    path.write_bytes(write_ledger(sheet().to_json(), study().entries()))
    return path


def test_each_stretch_has_its_verdict_its_clause_and_its_document() -> None:
    told = [
        (one.unit_title, one.verdict, one.seconds, one.reason.code, one.reason.citation.article)
        for one in explained(study()).stretches
    ]
    assert told == [
        ("第一讲", Verdict.CREDITED, 3000, "credited", "第十九条"),
        ("第二讲", Verdict.PROVISIONAL, 600, "awaits_check", None),
        ("第二讲", Verdict.REFUSED, 600, "check_missed", "第二十四条"),
    ]


def test_which_document_bound_is_named_also_for_what_nobody_refused() -> None:
    bound = {one.parameter.name: one for one in explained(study()).bound}
    measure = bound["hours.minutes_per_online_class_hour"]
    assert (measure.pack_id, [one.pack_id for one in measure.beaten]) == (
        "guangdong-2022-3",
        ["aq-8011-2023"],
    )
    assert bound["hours.offline_share_floor_of_theory"].pack_id == "aq-8011-2023"
    assert bound["hours.online_share_cap_of_theory"].pack_id == "guangdong-2022-3"
    assert bound["institution.outline_required"].parameter.citation.article == "第十四条"


def test_a_class_run_opened_after_the_measures_lapsed_is_not_explained_by_guesses() -> None:
    later = replace(sheet().class_run, opens_on=date(2027, 7, 1), closes_on=date(2027, 8, 1), kind="renewal")
    with pytest.raises(NoRuleInForce) as caught:
        explained(Study().anchor(), replace(sheet(), class_run=later))
    assert caught.value.parameter == "institution.outline_required"


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30), st.booleans()), max_size=4))
@settings(max_examples=25, deadline=None)
def test_the_stretches_add_up_to_what_was_settled(parts: list[tuple[int, int, bool]]) -> None:
    made = Study().anchor()
    for number, (start, length, passed) in enumerate(parts):
        name = f"s{number}"
        made.watch(name, start * MINUTE, length * MINUTE).check(name, start * MINUTE)
        made.check(name, (start + length) * MINUTE, "passed" if passed else "missed")
    told = explained(made)
    sums = dict.fromkeys(Verdict, 0)
    for one in told.stretches:
        sums[one.verdict] += one.end_ms - one.start_ms
    figures = told.seconds.figures
    assert sums[Verdict.CREDITED] == figures.credited_ms
    assert sums[Verdict.PROVISIONAL] == figures.provisional_ms
    assert sums[Verdict.REFUSED] == sum(figures.refused_ms.values())


def test_a_ledger_file_is_explained_in_one_line_of_json(tmp_path: Path) -> None:
    result = run("--ledger", write(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    told: dict[str, Any] = json.loads(line)
    assert (told["ok"], told["online_class_hours"], told["offline_class_hours"]) == (True, 1, 2)
    assert sum(one["ms"] for one in told["stretches"]) == 70 * MINUTE
    assert told["stretches"][0]["start"] == "2026-11-24T09:00:00.000+08:00"
    refused = told["stretches"][-1]
    assert (refused["verdict"], refused["document"], refused["article"]) == (
        "refused",
        "粤应急规〔2022〕3号",
        "第二十四条",
    )
    assert START > 0


def test_people_read_it_in_chinese(tmp_path: Path) -> None:
    result = run("--ledger", write(tmp_path))
    assert result.exit_code == 0, result.output
    for words in ("已计入", "暂记", "不计入", "第二十四条", "AQ 8011-2023 4.4.4", "约束学时的规定", "开班日"):
        assert words in result.stdout


def test_a_changed_ledger_is_not_explained(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(
        path.read_bytes().replace(b'"missed"', b'"passed"', 1).replace(b'"seq":2', b'"seq":9', 1)
    )
    result = run("--ledger", path, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["ok"] is False


@pytest.mark.parametrize(
    "arguments", [(), ("--learner", "x"), ("--learner", "x", "--class-run", "y", "--ledger", "{}")]
)
def test_it_asks_for_one_source(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = write(tmp_path)
    assert run(*(one.format(path) for one in arguments)).exit_code == 2
