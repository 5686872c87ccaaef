"""Retention by the pack, legal holds by two people, and the end of an archive with one signed receipt."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.archive.retention import retention_of, years_after
from bridge.db.unit_of_work import Tx
from bridge.identity.tables import EnrolmentListRow
from bridge.kernel.canonical import canonical_json, sha256_hex
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import ClassRunId, EvidenceId, LearnerRef
from bridge.privacy.receipts import check_receipts
from bridge.registry.model import ClassRun
from bridge.wiring import House
from bridge.wiring.archive_disposal import carry_out, propose
from bridge.wiring.key_ends import needed_by
from tests.web.furnished import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    ORG,
    OTHER_ORG,
    OTHER_RUN,
    RUN,
    Furnished,
    furnish,
)

FIRST, SECOND = "stf_first", "stf_second"
REASON = "穗安监复议〔2026〕12号"


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path)
    yield made
    made.house.close()


def run_of(furnished: Furnished) -> ClassRun:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return furnished.house.at(tx).registry.class_run(RUN)


def after_close(furnished: Furnished, years: int, days: int = 1) -> None:
    """Move the clock to noon in Guangzhou, so many years and days after the class run's last day."""
    day = years_after(run_of(furnished).closes_on, years) + timedelta(days=days)
    furnished.clock.at = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


def stored(furnished: Furnished, learner: LearnerRef) -> EvidenceId:
    with furnished.house.uow.for_institution(ORG) as tx:
        scope = EvidenceScope(ORG, learner, EvidencePurpose.FACE_FRAME, RUN)
        return furnished.house.at(tx).vault.put(scope, b"frame", "image/jpeg")


def readable(furnished: Furnished, evidence: EvidenceId) -> bool:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        try:
            return bool(furnished.house.at(tx).vault.get(ORG, evidence))
        except InvalidInput:
            return False


@pytest.mark.parametrize(
    ("category", "archive_class", "years"),
    [
        ("low_voltage_electrician", "special_operation", 6),
        ("hazchem_trade_manager", "principal_manager", 3),
        ("something_new", None, 6),
        ("", None, 6),
    ],
)
def test_the_pack_says_how_long_by_category_and_the_longest_where_it_does_not_know(
    furnished: Furnished, category: str, archive_class: str | None, years: int
) -> None:
    run = run_of(furnished)
    one = ClassRun(
        run.id, run.title, run.kind, category, run.division_code, run.opens_on, date(2024, 2, 29), run.profile,
        run.outline_id, run.course_id,
    )  # fmt: skip
    found = retention_of(one, furnished.house.rules.profile("guangdong"), date(2026, 11, 24))
    assert (found.archive_class, found.rule.integer()) == (archive_class, years)
    assert found.last_day == date(2024 + years, 2, 28)
    assert not found.over(found.last_day)
    assert found.over(found.last_day + timedelta(days=1))
    assert found.rule.parameter.citation.basis.value == "practice"


def test_six_and_three_years_are_law_in_jiangxi(furnished: Furnished) -> None:
    found = retention_of(run_of(furnished), furnished.house.rules.profile("jiangxi"), date(2026, 11, 24))
    assert found.rule.parameter.citation.basis.value == "law"


def test_logs_are_kept_six_months_at_least_and_nothing_ends_raw_batches_before(furnished: Furnished) -> None:
    rules = furnished.house.rules.profile("guangdong")
    logs = rules.value("retention.log_days", date(2026, 11, 24)).integer()
    assert logs >= 184
    assert rules.value("retention.raw_beats_days", date(2026, 11, 24)).integer() >= logs


def test_nothing_is_proposed_before_the_term_is_over(furnished: Furnished) -> None:
    after_close(furnished, 6, 0)
    with pytest.raises(InvalidInput, match="archive_not_over"):
        propose(furnished.house, ORG, RUN, FIRST)
    after_close(furnished, 6, 1)
    assert propose(furnished.house, ORG, RUN, FIRST).proposed_by == FIRST


def test_two_people_end_an_archive_and_the_receipt_names_every_key(furnished: Furnished) -> None:
    _, learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    evidence = stored(furnished, learner)
    house = furnished.house
    after_close(furnished, 6)
    with pytest.raises(InvalidInput, match="disposal_not_proposed"):
        carry_out(house, ORG, RUN, SECOND)
    propose(house, ORG, RUN, FIRST)
    assert propose(house, ORG, RUN, SECOND).proposed_by == FIRST
    with pytest.raises(NotPermitted, match="second_person_required"):
        carry_out(house, ORG, RUN, FIRST)
    assert readable(furnished, evidence)

    keys = carry_out(house, ORG, RUN, SECOND)

    assert keys >= 1
    assert not readable(furnished, evidence)
    with house.uow.for_institution(ORG, read_only=True) as tx:
        receipt = json.loads(house.at(tx).disposals.receipt(RUN))
    body = receipt["receipt"]
    assert (len(body["keys"]), body["proposed_by"], body["confirmed_by"]) == (keys, FIRST, SECOND)
    assert body["rule"]["parameter"] == "retention.special_operation_archive_years"
    public = {one.public.id: one.public for one in house.ledger_keys.known()}
    assert receipt["sha256"] == sha256_hex(canonical_json(body))
    assert public[receipt["key"]].holds(canonical_json(body), receipt["signature"])
    listed = [one.receipt for one in house.destroyed.lines() if one is not None]
    assert {one.sha256 for one in listed} >= {one["sha256"] for one in body["keys"]}
    assert check_receipts([one.to_json() for one in listed], public) == []
    assert CHEN not in json.dumps(receipt, ensure_ascii=False)
    with pytest.raises(InvalidInput, match="disposal_done"):
        carry_out(house, ORG, RUN, SECOND)


def test_a_hold_binds_from_the_first_word_until_two_people_end_it(furnished: Furnished) -> None:
    house = furnished.house
    after_close(furnished, 6)
    propose(house, ORG, RUN, FIRST)
    with house.uow.for_institution(ORG) as tx:
        hold = house.at(tx).legal_holds.ask(RUN, None, REASON, FIRST)
    for step in ("asked", "confirmed", "release_asked"):
        with house.uow.for_institution(ORG) as tx:
            holds = house.at(tx).legal_holds
            assert holds.of(RUN)[0].state == step
        with pytest.raises(InvalidInput, match="archive_not_over"):
            carry_out(house, ORG, RUN, SECOND)
        with house.uow.for_institution(ORG) as tx:
            holds = house.at(tx).legal_holds
            if step == "asked":
                with pytest.raises(NotPermitted, match="second_person_required"):
                    holds.confirm(hold.id, FIRST)
                holds.confirm(hold.id, SECOND)
            elif step == "confirmed":
                with pytest.raises(InvalidInput, match="release_not_asked"):
                    holds.release(hold.id, "", SECOND)
                holds.ask_release(hold.id, "复议已经终结", FIRST)
            else:
                with pytest.raises(NotPermitted, match="second_person_required"):
                    holds.release(hold.id, "复议已经终结", FIRST)
                with pytest.raises(InvalidInput, match="release_changed"):
                    holds.release(hold.id, "另一个理由", SECOND)
                holds.release(hold.id, "复议已经终结", SECOND)
    with house.uow.for_institution(ORG) as tx, pytest.raises(InvalidInput, match="hold_ended"):
        house.at(tx).legal_holds.confirm(hold.id, SECOND)
    carry_out(house, ORG, RUN, SECOND)


def test_a_hold_on_a_learner_binds_that_learner_and_the_class_run_as_a_whole(furnished: Furnished) -> None:
    house = furnished.house
    _, chen = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    _, huang = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    with house.uow.for_institution(ORG) as tx:
        house.at(tx).legal_holds.ask(RUN, chen, REASON, FIRST)
        with pytest.raises(InvalidInput, match="hold_stands"):
            house.at(tx).legal_holds.ask(RUN, chen, REASON, SECOND)
    with house.uow.for_institution(ORG, read_only=True) as tx:
        stations = house.at(tx)
        assert stations.legal_holds.binds(RUN)
        assert held(house, tx, chen, RUN)
        assert held(house, tx, chen, None)
        assert held(house, tx, list_row_of(tx, chen), RUN)
        assert not held(house, tx, huang, RUN)
        assert not held(house, tx, huang, None)
        assert not stations.legal_holds.binds(ClassRunId("run_other"))


def test_a_hold_on_a_class_run_binds_what_of_its_learners_belongs_to_no_class_run(
    furnished: Furnished,
) -> None:
    house = furnished.house
    _, chen = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
    with house.uow.for_institution(ORG) as tx:
        assert not held(house, tx, chen, None)
        house.at(tx).legal_holds.ask(RUN, None, REASON, FIRST)
        assert held(house, tx, chen, None)
        assert not held(house, tx, "ln_nobody", None)


def test_a_hold_of_one_institution_is_nothing_to_another(furnished: Furnished) -> None:
    house = furnished.house
    with house.uow.for_institution(ORG) as tx:
        hold = house.at(tx).legal_holds.ask(RUN, None, REASON, FIRST)
    with house.uow.for_institution(OTHER_ORG) as tx:
        holds = house.at(tx).legal_holds
        assert not holds.binds(OTHER_RUN)
        assert not holds.binds(RUN)
        with pytest.raises(InvalidInput, match="hold_unknown"):
            holds.confirm(hold.id, SECOND)


@pytest.mark.parametrize("reason", ["短", "x" * 301, "有\x00控制字符的理由"])
def test_a_hold_has_a_reason(furnished: Furnished, reason: str) -> None:
    with (
        furnished.house.uow.for_institution(ORG) as tx,
        pytest.raises(InvalidInput, match="reason_malformed"),
    ):
        furnished.house.at(tx).legal_holds.ask(RUN, None, reason, FIRST)


def held(house: House, tx: Tx, subject: str, class_run: ClassRunId | None) -> bool:
    """Return whether a key of `subject` may not be destroyed now."""
    scope = EvidenceScope(ORG, subject, EvidencePurpose.IDENTITY_EVIDENCE, class_run)
    return needed_by(house, tx, scope) == "legal_hold"


def list_row_of(tx: Tx, learner: LearnerRef) -> str:
    found = tx.session.scalar(select(EnrolmentListRow.id).where(EnrolmentListRow.learner == learner))
    assert found is not None
    return found
