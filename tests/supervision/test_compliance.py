"""Article by article: no law of ours without its article, no article without its state, no text claimed unseen."""

from datetime import date

import pytest

from bridge.flow import FLOW
from bridge.kernel.citation import Basis
from bridge.rules.articles import Articles, Duty, load_articles
from bridge.rules.loader import load_rule_book
from bridge.rules.model import Parameter, RulePack
from bridge.supervision.compliance import ArticleRow, Evidence, EvidenceState, article_zh, compliance
from bridge.wiring.compliance import FLOW_DOCUMENT, Facts, evidence_of, flow_steps
from tests.rules.made_packs import START, in_force, pack, parameter

BOOK = load_rule_book()
TODAY = date(2026, 11, 23)
EVIDENCE = evidence_of(Facts())
GUANGDONG = "guangdong-2022-3"


def rows_of(profile: str, pack_id: str, on: date = TODAY) -> dict[str, ArticleRow]:
    rules = BOOK.profile(profile)
    articles = load_articles(one.id for one in rules.packs)
    parts = {part.pack.id: part for part in compliance(rules, articles, flow_steps(), EVIDENCE, on)}
    return {row.duty.article: row for row in parts[pack_id].rows}


def test_all_thirty_known_articles_are_listed_in_order_and_the_rest_is_told_as_unseen() -> None:
    articles = load_articles([GUANGDONG])[GUANGDONG]
    assert [duty.article for duty in articles.duties] == [article_zh(number) for number in range(1, 31)]
    unseen = " ".join(one.place_zh for one in articles.unseen)
    assert all(place in unseen for place in ("第三十条后半", "附件1", "附件2"))


@pytest.mark.parametrize("pack_id", ["guangdong-2022-3", "jiangxi-2024-24"])
def test_each_article_that_a_rule_cites_is_listed(pack_id: str) -> None:
    listed = {duty.article for duty in load_articles([pack_id])[pack_id].duties}
    cited = {one.citation.article for one in BOOK.packs[pack_id].parameters}
    assert cited <= listed


def test_what_a_duty_leans_on_is_a_rule_of_its_pack() -> None:
    for pack_id, articles in load_articles(BOOK.packs).items():
        names = {one.name for one in BOOK.packs[pack_id].parameters}
        assert {name for duty in articles.duties for name in duty.enforced_by} <= names
        assert {name for duty in articles.duties for name in duty.evidence} <= set(EVIDENCE)


def test_each_step_of_the_flow_serves_an_article_that_is_listed() -> None:
    rows = rows_of("guangdong", GUANGDONG)
    for row in FLOW:
        assert row.event in rows[article_zh(row.article)].steps
    assert BOOK.packs[GUANGDONG].document == FLOW_DOCUMENT


def test_article_19_names_its_rules_its_lapse_and_today() -> None:
    row = rows_of("guangdong", GUANGDONG)["第十九条"]
    assert "hours.online_share_cap_of_theory" in {one.name for one in row.rules}
    assert row.lapses_on == date(2027, 7, 1)
    assert [one.name for one in row.evidence] == ["class_hours"]


def test_after_its_last_day_a_document_enforces_nothing() -> None:
    assert rows_of("guangdong", GUANGDONG, date(2027, 6, 30))["第十四条"].rules
    assert not rows_of("guangdong", GUANGDONG, date(2027, 7, 1))["第十四条"].rules


def test_a_document_without_a_list_is_told_by_what_its_rules_cite() -> None:
    rows = rows_of("guangdong", "aq-8011-2023")
    assert {"4.4.4", "4.7"} <= set(rows)
    unseen = rows_of("guangdong", "order-19")[""]
    assert unseen.state == "attention"
    assert unseen.unconfirmed


def test_practice_is_no_document_of_the_law() -> None:
    rules = BOOK.profile("guangdong")
    articles = load_articles(one.id for one in rules.packs)
    told = {part.pack.id for part in compliance(rules, articles, {}, EVIDENCE, TODAY)}
    assert told == {"guangdong-2022-3", "aq-8011-2023", "order-3", "order-30", "order-19"}


LAW = parameter(1, basis=Basis.LAW)


@pytest.mark.parametrize(
    ("kind", "rules", "states", "expected"),
    [
        ("none", [], [], "nothing"),
        ("system", [LAW], ["good"], "kept"),
        ("system", [], ["good"], "missing"),
        ("system", [LAW], ["good", "none"], "missing"),
        ("system", [LAW], ["good", "attention"], "attention"),
        ("people", [], [], "people"),
        ("people", [], ["attention"], "attention"),
    ],
)
def test_an_article_stands_as_its_rules_and_evidence_let_it(
    kind: str, rules: list[Parameter], states: list[EvidenceState], expected: str
) -> None:
    duty = Duty("第一条", "虚构", kind)  # type: ignore[arg-type]  # parametrised
    shown = tuple(Evidence(f"e{i}", state, "虚构。") for i, state in enumerate(states))
    assert ArticleRow(duty, tuple(rules), (), shown, None).state == expected


def test_evidence_that_nobody_knows_is_a_bug() -> None:
    made: RulePack = pack("a", LAW)
    articles = {"a": Articles("a", (Duty("第一条", "虚构", "system", "", ("nonsense",)),))}
    with pytest.raises(KeyError):
        compliance(in_force(made), articles, {}, {}, START)


@pytest.mark.parametrize(
    ("number", "words"), [(1, "第一条"), (10, "第十条"), (19, "第十九条"), (20, "第二十条"), (30, "第三十条")]
)
def test_articles_are_counted_in_chinese(number: int, words: str) -> None:
    assert article_zh(number) == words
