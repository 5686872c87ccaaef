"""`rules simulate`: a cohort under another profile, who gains, who loses, and whom no rule covers."""

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bridge.commands.rules import rules
from bridge.hours.simulation import Member, simulate
from bridge.ledger.model import write_ledger
from bridge.registry.model import ClassRunSheet
from bridge.rules.loader import CONFIG, load_rule_book
from tests.ledger.study import MINUTE, Study, guangdong, sheet

BOOK = load_rule_book()


def watched(minutes: int) -> Study:
    made = Study().anchor().watch("s", 0, minutes * MINUTE)
    return made.passes("s", *range(0, minutes * MINUTE, 10 * MINUTE)).check("s", minutes * MINUTE)


def member(minutes: int, of: ClassRunSheet | None = None) -> Member:
    return Member(of or sheet(), watched(minutes).entries(), guangdong())


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(rules, ["simulate", *map(str, arguments)])


def cohort(folder: Path, *minutes: int) -> Path:
    home = folder / "cohort"
    home.mkdir()
    for number in minutes:
        (home / f"{number}.jsonl").write_bytes(write_ledger(sheet().to_json(), watched(number).entries()))
    return home


def tighter(folder: Path) -> Path:
    """Return a folder with the practice pack in which a day counts at most half an hour."""
    home = folder / "packs" / "anxue-practice"
    shutil.copytree(CONFIG / "rulepacks" / "anxue-practice", home)
    cap = home / "parameters" / "study" / "daily_cap_seconds.yaml"
    cap.write_text(cap.read_text("utf-8").replace("28800", "1800"), "utf-8")
    return home.parent


def test_thirty_minutes_are_an_hour_where_the_standard_alone_measures() -> None:
    (outcome,) = simulate([member(30)], BOOK.profile("jiangxi")).outcomes
    assert outcome.change == "gains"
    assert outcome.before is not None
    assert outcome.after is not None
    assert (outcome.before.counted_class_hours, outcome.after.counted_class_hours) == (0, 1)
    by_name = {row["parameter"]: row for row in outcome.differences}
    measure = by_name["hours.minutes_per_online_class_hour"]
    assert (measure["before"]["document"], measure["after"]["document"]) == (
        "粤应急规〔2022〕3号",
        "AQ 8011-2023",
    )
    assert by_name["hours.online_share_cap_of_theory"]["after"] is None


def test_under_its_own_profile_nobody_gains_or_loses() -> None:
    result = simulate([member(minutes) for minutes in (1, 30, 46)], BOOK.profile("guangdong"))
    assert result.totals == {"gains": 0, "loses": 0, "same": 3, "stopped": 0}
    assert all(one.differences == [] for one in result.outcomes)


def test_whom_no_rule_covers_is_told_and_never_guessed() -> None:
    early = replace(sheet(), class_run=replace(sheet().class_run, opens_on=date(2024, 6, 30)))
    (outcome,) = simulate([member(30, early)], BOOK.profile("jiangxi")).outcomes
    assert outcome.change == "stopped"
    assert "jiangxi" in {stop.profile for stop in outcome.stops}
    assert outcome.to_json()["stops"][0]["parameter"].startswith("hours.")


def test_a_folder_of_ledgers_is_recomputed_from_the_command_line(tmp_path: Path) -> None:
    result = run("--profile", "jiangxi", "--cohort", cohort(tmp_path, 20, 30, 46), "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    assert {name: answer[name] for name in ("learners", "gains", "loses", "same", "stopped")} == {
        "learners": 3,
        "gains": 1,
        "loses": 0,
        "same": 2,
        "stopped": 0,
    }


def test_a_proposed_pack_shows_who_would_lose(tmp_path: Path) -> None:
    home = cohort(tmp_path, 20, 46)
    proposed = tmp_path / "proposed"
    proposed.mkdir()
    (proposed / "profile.yaml").write_text(
        "format: 1\nid: proposed\ntitle_zh: 拟议\npacks: [guangdong-2022-3, aq-8011-2023, anxue-practice]\n",
        "utf-8",
    )
    packs = tighter(tmp_path)
    # The ledgers themselves name the pack that ships; only the proposed profile uses the other one.
    arguments = ("--profile", proposed, "--cohort", home, "--packs", packs)
    answer = json.loads(run(*arguments, "--json").stdout)
    assert (answer["loses"], answer["same"]) == (1, 1)
    shown = run(*arguments)
    assert "减少 1 人" in shown.stdout
    assert "不变 1 人" in shown.stdout


def test_people_see_which_document_makes_the_difference(tmp_path: Path) -> None:
    result = run("--profile", "jiangxi", "--cohort", cohort(tmp_path, 30))
    assert "增加 1 人" in result.stdout
    assert "30 分钟" in result.stdout


@pytest.mark.parametrize(
    ("profile", "content", "reason"),
    [("nowhere", b"", "profile_unknown"), ("jiangxi", b"", "cohort_empty"), ("jiangxi", b"x\n", "not_json")],
)
def test_what_cannot_be_found_or_believed_is_said(
    tmp_path: Path, profile: str, content: bytes, reason: str
) -> None:
    home = tmp_path / "cohort"
    home.mkdir()
    if content:
        (home / "a.jsonl").write_bytes(content)
    result = run("--profile", profile, "--cohort", home, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["reason"] == reason
