"""Values by learner category, values that nobody has confirmed, and the operator's word that they hold."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bridge.kernel.citation import Basis
from bridge.kernel.errors import InvalidInput
from bridge.rules.decisions import online_cap, outline_hours
from bridge.rules.documents import PackInvalid
from bridge.rules.loader import SIGN_OFF, load_packs
from bridge.rules.model import NoRuleInForce, PackConflict, Profile, ProfileInForce, RulePack
from bridge.rules.sign_off import sign
from tests.rules.made_packs import CASES, START, in_force, pack, parameter, write_pack

TODAY = date(2024, 6, 1)
OUTLINE = """\
name: study.cap_seconds
title_zh: 学时下限
type: integer
unit: class_hours
read_on: opening
stricter: max
labels_zh:
  welder: 焊工
  rigger: 起重工
  diver: 潜水员
values:
  - value: 88
    for: [welder, rigger]
    basis: practice
    text_zh: "{for}不少于 {value}。"
    note_zh: "来源:某地学时表。"
    confirmed: false
  - value: 40
    for: [diver]
    basis: law
    article: 第一条
    text_zh: "{for}不少于 {value}。"
"""
WELDER, DIVER = "study.cap_seconds.welder", "study.cap_seconds.diver"


def write(folder: Path, text: str = OUTLINE) -> Path:
    return write_pack(
        folder,
        parameter_yaml=text,
        cases_yaml=CASES.replace("study.cap_seconds", WELDER).replace("600", "88"),
    )


def load(home: Path) -> RulePack:
    (made,) = load_packs([home])
    return made


def confirmed(made: RulePack) -> dict[str, bool]:
    return {one.name: one.confirmed for one in made.parameters}


def test_each_key_has_its_own_parameter(tmp_path: Path) -> None:
    rules = in_force(load(write(tmp_path)))
    assert rules.value(WELDER, TODAY).integer() == 88
    assert rules.value(DIVER, TODAY).integer() == 40
    assert rules.value(WELDER, TODAY).parameter.text_zh == "焊工不少于 88 学时。"
    with pytest.raises(NoRuleInForce):
        rules.value("study.cap_seconds", TODAY)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("    for: [diver]\n", "", "key_missing"),
        ("for: [diver]", "for: [diver, welder]", "dates_overlap"),
        ("for: [diver]", "for: [pilot]", "label_missing"),
        ('    note_zh: "来源:某地学时表。"\n', "", "source_missing"),
        ("    article: 第一条\n", "", "article_missing"),
    ],
)
def test_a_keyed_or_unconfirmed_value_without_what_it_needs_is_refused(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    assert old in OUTLINE
    with pytest.raises(PackInvalid) as caught:
        load(write(tmp_path, OUTLINE.replace(old, new)))
    assert caught.value.reason == reason


def test_a_value_whose_article_nobody_saw_is_no_law(tmp_path: Path) -> None:
    unseen = OUTLINE.replace("    article: 第一条\n", "    note_zh: 条号未见。\n    confirmed: false\n")
    with pytest.raises(PackInvalid) as caught:
        load(write(tmp_path, unseen))
    assert caught.value.reason == "article_missing"


def test_a_signed_value_is_the_operators_word_and_the_pack_keeps_its_hash(tmp_path: Path) -> None:
    home = write(tmp_path)
    before = load(home)
    assert confirmed(before) == {WELDER: False, "study.cap_seconds.rigger": False, DIVER: True}
    after, _ = sign(home, by="质量岗 07", reason_zh="与本省大纲核对一致", on=TODAY)
    assert all(confirmed(after).values())
    assert after.content_hash == before.content_hash
    bases = {one.name: one.citation.basis for one in after.parameters}
    assert bases == {WELDER: Basis.OPERATOR, "study.cap_seconds.rigger": Basis.OPERATOR, DIVER: Basis.LAW}


def test_a_changed_pack_is_unsigned_again(tmp_path: Path) -> None:
    home = write(tmp_path)
    sign(home, by="质量岗 07", reason_zh="与本省大纲核对一致", on=TODAY)
    file = home / "parameters/study/cap_seconds.yaml"
    file.write_text(file.read_text("utf-8").replace("88", "89"), "utf-8")
    changed = load(home)
    assert changed.sign_off_is_stale
    assert confirmed(changed)[WELDER] is False


def test_nothing_is_signed_that_is_not_unconfirmed(tmp_path: Path) -> None:
    home = write(tmp_path)
    with pytest.raises(InvalidInput) as caught:
        sign(home, by="质量岗 07", reason_zh="核对", on=TODAY, parameters=["study.other"])
    assert caught.value.reason == "nothing_to_sign"
    assert not (home / SIGN_OFF).exists()


def test_a_sign_off_that_cannot_be_read_is_not_left_behind(tmp_path: Path) -> None:
    home = write(tmp_path)
    with pytest.raises(PackInvalid):
        sign(home, by="x", reason_zh="与本省大纲核对一致", on=TODAY)
    assert not (home / SIGN_OFF).exists()


def test_an_unconfirmed_rule_warns_and_a_confirmed_one_refuses() -> None:
    table = parameter(
        88, name="outline.initial_theory_class_hours.welder", unit="class_hours", stricter="max"
    )
    law = parameter(40, name=table.name, unit="class_hours", stricter="max", basis=Basis.LAW)
    unsure = replace(table, confirmed=False)
    short = outline_hours(39, "welder", "initial", in_force(pack("a", unsure), pack("b", law)), START)
    assert (short.value, [one.code for one in short.reasons]) == (
        False,
        ["outline_below_unconfirmed", "outline_below_minimum"],
    )
    between = outline_hours(60, "welder", "initial", in_force(pack("a", unsure), pack("b", law)), START)
    assert (between.value, [one.confirmed for one in between.reasons]) == (True, [False])
    signed = outline_hours(60, "welder", "initial", in_force(pack("a", table)), START)
    assert signed.value is False


def test_who_no_table_knows_is_not_long_enough_by_silence() -> None:
    rules = in_force(pack("a", parameter(1, name="outline.initial_theory_class_hours.welder")))
    with pytest.raises(NoRuleInForce):
        outline_hours(500, "pilot", "initial", rules, START)


def test_a_decision_names_what_bound_it_also_where_it_refuses_nothing() -> None:
    table = parameter(8, name="outline.initial_theory_class_hours.welder", unit="class_hours", stricter="max")
    law = parameter(4, name=table.name, unit="class_hours", stricter="max", basis=Basis.LAW)
    decision = outline_hours(8, "welder", "initial", in_force(pack("a", table), pack("b", law)), START)
    (bound,) = decision.bound
    assert (decision.reasons, bound.pack_id, [one.pack_id for one in bound.beaten]) == ((), "a", ["b"])


def without(*packs: RulePack, **given: str) -> ProfileInForce:
    missing = {name.replace("__", "."): why for name, why in given.items()}
    return ProfileInForce(Profile("made", "虚构", tuple(one.id for one in packs), not_given=missing), packs)


def test_only_a_profile_that_says_so_goes_without_a_cap() -> None:
    rules = without(pack("a", parameter(1)), hours__online_share_cap_training_kinds="原文未见。")
    decision = online_cap(9, 9, "initial", rules, START)
    assert decision.value == 9
    (reason,) = decision.reasons
    assert (reason.code, reason.sentence_zh, reason.confirmed) == (
        "online_cap_not_given",
        "原文未见。",
        False,
    )
    with pytest.raises(NoRuleInForce):
        online_cap(9, 9, "initial", in_force(pack("a", parameter(1))), START)
    with pytest.raises(NoRuleInForce):
        rules.value("hours.online_share_cap_training_kinds", START)


def test_a_profile_cannot_call_a_given_rule_missing() -> None:
    with pytest.raises(PackConflict) as caught:
        without(pack("a", parameter(1)), study__cap_seconds="没有。")
    assert caught.value.reason == "not_given_is_given"
