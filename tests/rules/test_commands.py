"""`rules check` and `rules show` as their users meet them."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.rules.commands import rules
from bridge.rules.loader import CONFIG
from bridge.rules.report import check
from tests.rules.made_packs import CASES, PARAMETER, write_pack


def run(*arguments: str) -> Result:
    return CliRunner().invoke(rules, arguments)


def one_object(result: Result) -> dict[str, Any]:
    assert result.stdout.count("\n") == 1
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


def codes(notices: Sequence[Any]) -> set[str]:
    return {notice.code for notice in notices}


def test_check_passes_on_what_ships_and_says_where_each_value_comes_from() -> None:
    result = run("check", "--json")
    report = one_object(result)
    assert result.exit_code == 0
    assert report["ok"] is True
    assert report["cases_run"] > 0
    assert all(row["pack"] and row["basis"] and row["document"] for row in report["values"])


def test_check_prints_chinese_tables_without_json() -> None:
    result = run("check")
    assert result.exit_code == 0
    assert "检查通过" in result.stdout
    assert "惯例(非法规)" in result.stdout


def test_check_validates_a_pack_outside_the_tree(tmp_path: Path) -> None:
    good = one_object(run("check", "--packs", str(write_pack(tmp_path)), "--json"))
    assert "made" in {pack["id"] for pack in good["packs"]}
    result = run(
        "check", "--packs", str(write_pack(tmp_path, parameter_yaml=PARAMETER.replace("law", "x"))), "--json"
    )
    assert result.exit_code == 1
    (problem,) = one_object(result)["problems"]
    assert (problem["reason"], problem["line"]) == ("schema", 9)


def test_check_fails_on_a_case_that_does_not_hold(tmp_path: Path) -> None:
    home = write_pack(tmp_path, cases_yaml=CASES.replace("600", "601"))
    result = run("check", "--packs", str(home), "--json")
    assert result.exit_code == 1
    (failed,) = one_object(result)["cases_failed"]
    assert failed["difference"] == "value 应为 601,实为 600"
    assert "用例未通过" in run("check", "--packs", str(home)).stdout


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("{parameter: study.cap_seconds}", "{error: no_rule_in_force}"),
        ("{parameter: study.unheard_of}", "{value: 600}"),
        ("{parameter: study.cap_seconds}", "{pack: other}"),
        ("{parameter: study.cap_seconds}", '{value: "many"}'),
        ("{decision: online_class_hours, with: {}}", "{value: 0}"),
        ("{decision: practical_online, with: {second: 1}}", "{error: no_rule_in_force, value: true}"),
        ("{decision: online_cap, with: {online_class_hours: 1, theory_class_hours: 1}}", "{value: 1}"),
    ],
)
def test_a_wrong_case_never_passes(tmp_path: Path, asked: str, expected: str) -> None:
    text = CASES.replace("{parameter: study.cap_seconds}", asked).replace("{value: 600}", expected)
    report = check([write_pack(tmp_path, cases_yaml=text)], date(2024, 6, 1))
    assert not report.ok
    assert [one.case.home for one in report.cases if not one.passed] == ["made"]


@pytest.mark.parametrize(("kind", "value"), [("integer", "0"), ("fraction", '"91/2"')])
def test_a_measure_that_no_decision_can_use_fails_the_case(tmp_path: Path, kind: str, value: str) -> None:
    names = {"minutes_per_online_class_hour": (kind, value), "rounding": ("string", "floor")}
    home = write_pack(
        tmp_path,
        cases_yaml=CASES.replace(
            "parameter: study.cap_seconds", "decision: online_class_hours, with: {seconds: 1}"
        ),
    )
    (home / "parameters/hours").mkdir()
    for name, (typed, given) in names.items():
        text = PARAMETER.replace("study.cap_seconds", f"hours.{name}").replace(
            "type: integer", f"type: {typed}"
        )
        text = text.replace("unit: seconds", "unit: none\nlabels_zh: {floor: 只计整学时}").replace(
            "600", given
        )
        (home / f"parameters/hours/{name}.yaml").write_text(text, "utf-8")
    report = check([home], date(2024, 6, 1))
    assert report.problems == ()
    assert ["请修正规则包" in one.difference for one in report.cases if not one.passed] == [True]


def test_check_without_any_pack_fails(tmp_path: Path) -> None:
    report = check([], date(2026, 11, 23), config=tmp_path)
    assert not report.ok
    assert {problem.reason for problem in report.problems} == {"nothing_found"}


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2025, 5, 31), set()),
        (
            date(2025, 6, 1),
            {"pack_lapses", "parameter_lapses", "profile_loses_rules", "profile_value_changes"},
        ),
        (date(2026, 6, 30), {"pack_lapsed"}),
        (date(2026, 7, 1), {"pack_lapsed", "pack_lapses", "profile_loses_rules", "profile_value_changes"}),
        (date(2027, 6, 30), {"pack_lapsed", "pack_lapses", "profile_loses_rules", "profile_value_changes"}),
        (date(2027, 7, 1), {"pack_lapsed"}),
    ],
)
def test_what_lapses_within_a_year_is_told(today: date, expected: set[str]) -> None:
    assert codes(check([], today).warnings) == expected | {"unconfirmed"}


def test_the_warning_says_what_will_hold_instead() -> None:
    messages = [one.message for one in check([], date(2026, 11, 23)).warnings]
    assert any(
        "hours.minutes_per_online_class_hour" in one and "45 分钟 变为 30 分钟" in one for one in messages
    )
    assert any("2022-07-01 至 2027-06-30" in one for one in messages)


def test_a_value_that_ends_before_its_pack_is_told(tmp_path: Path) -> None:
    home = write_pack(tmp_path, parameter_yaml=PARAMETER + "    effective_until: 2024-07-01\n")
    assert "parameter_lapses" in codes(check([home], date(2024, 3, 1)).warnings)


@pytest.mark.parametrize("name", ["guangdong", "guangdong-2022-3", "hours.online_share_cap_of_theory"])
def test_show_knows_profiles_packs_and_parameters(name: str) -> None:
    shown = one_object(run("show", name, "--on", "2026-11-23", "--json"))
    rows = {row["parameter"]: row for row in shown["rows"]}
    assert rows["hours.online_share_cap_of_theory"]["value"] == "4/5"
    assert rows["hours.online_share_cap_of_theory"]["value_zh"] == "80%"
    assert name in run("show", name, "--on", "2026-11-23").stdout


def test_show_says_which_pack_was_beaten() -> None:
    shown = one_object(run("show", "hours.minutes_per_online_class_hour", "--on", "2026-11-23", "--json"))
    rows = {row["from"]: row for row in shown["rows"]}
    assert (rows["guangdong"]["value"], rows["guangdong"]["pack"]) == (45, "guangdong-2022-3")
    assert rows["guangdong"]["beaten"] == [{"pack": "aq-8011-2023", "value": 30}]
    assert (rows["jiangxi"]["value"], rows["jiangxi"]["pack"]) == (30, "aq-8011-2023")


def test_show_marks_what_nobody_has_confirmed() -> None:
    name = "outline.initial_theory_class_hours.low_voltage_electrician"
    (row,) = one_object(run("show", name, "--on", "2026-11-23", "--json"))["rows"]
    assert (row["value"], row["basis"], row["confirmed"]) == (88, "practice", False)
    assert "非广东省规定" in row["note_zh"]
    assert "未经确认" in run("show", name, "--on", "2026-11-23").stdout


def test_sign_refuses_a_pack_without_doubt(tmp_path: Path) -> None:
    result = run("sign", "aq-8011-2023", "--by", "质量岗 07", "--reason", "核对原文")
    assert result.exit_code == 1
    assert "(无)" in result.stderr
    assert run("sign", "nowhere", "--by", "质量岗 07", "--reason", "核对原文").exit_code == 1


@pytest.mark.parametrize(
    ("name", "on", "reason"),
    [
        ("hours.online_share_cap_of_theory", "2027-07-01", "no_rule_in_force"),
        ("guangdong", "2010-06-30", "no_rule_in_force"),
        ("hours.online_share_cap", "2026-11-23", "rule_name_unknown"),
    ],
)
def test_show_fails_clearly_where_nothing_holds(name: str, on: str, reason: str) -> None:
    result = run("show", name, "--on", on, "--json")
    assert result.exit_code == 1
    assert one_object(result)["reason"] == reason
    assert result.stderr.strip()


def test_show_suggests_the_name_that_was_meant() -> None:
    assert "hours.online_share_cap_of_theory" in run("show", "hours.online_share_cap").stderr


def test_show_refuses_a_day_that_is_none() -> None:
    assert run("show", "guangdong", "--on", "2026-02-30").exit_code == 2


def test_the_folder_that_ships_is_the_one_that_is_read() -> None:
    assert (CONFIG / "rulepacks" / "guangdong-2022-3" / "pack.yaml").is_file()
