"""Corrections by two members of staff, and moving a learner to another class run, over the institution's pages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bridge.kernel.ids import ClassRunId, CourseId, LearnerRef, OutlineId
from bridge.kernel.time import LEGAL_ZONE, epoch_ms
from bridge.ledger.model import SecondsStatement
from bridge.ledger.model.corrections import CorrectionKind
from bridge.registry.course_withdrawals import withdraw_course
from bridge.wiring.ledger_standing import review_standing
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, NOW, ORG, RUN, Furnished, furnish, token

BEGIN = NOW - timedelta(hours=3)
NEXT = ClassRunId("run_next")


@pytest.fixture
def furnished(tmp_path: Path) -> Iterator[Furnished]:
    made = furnish(tmp_path)
    yield made
    made.house.close()


@pytest.fixture
def learner(furnished: Furnished) -> LearnerRef:
    _account, learner = furnished.enrol("chen", CHEN, CHEN_ID)
    furnished.finish_course(learner)
    return learner


def add_run(furnished: Furnished, learner: LearnerRef, run: ClassRunId = NEXT, **changes: Any) -> None:
    """Open another class run like the first, and enrol the learner in it."""
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        first = stations.registry.class_run(RUN)
        stations.registry_store.add_class_run(replace(first, id=run, title="第 2 期", **changes))
        stations.registry.enrol(learner, run, "row_made_up")


def at(learner: LearnerRef, *more: str, run: str = RUN) -> str:
    return "/".join([f"/institution/class-runs/{run}/learners/{learner}/corrections", *more])


def post(
    furnished: Furnished, path: str, form: dict[str, Any] | None = None, login: str = "staff-lin"
) -> tuple[int, str]:
    client = furnished.as_staff(login)
    data = {"csrf_token": token(client, "/platforms/new"), **(form or {})}
    reply = client.post(path, data=data, follow_redirects=True)
    furnished.work_off()
    return reply.status_code, reply.text


def statement(furnished: Furnished, learner: LearnerRef, run: ClassRunId = RUN) -> SecondsStatement:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return furnished.house.at(tx).ledger.statement(learner, run)


def ids(furnished: Furnished, learner: LearnerRef) -> list[str]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        return [one.id for one in furnished.house.at(tx).corrections.of(learner, RUN)]


def withdrawal(minutes: int = 10) -> dict[str, str]:
    start = BEGIN.astimezone(LEGAL_ZONE)
    return {
        "what": "withdraw",
        "start": start.strftime("%Y-%m-%dT%H:%M:%S"),
        "end": (start + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M"),
        "reason": "idle_study_found",
    }


def transfer(to: str = NEXT) -> dict[str, str]:
    return {"what": "transfer_out", "to": to, "reason": "class_changed"}


def test_a_correction_counts_once_another_person_confirmed_it(
    furnished: Furnished, learner: LearnerRef
) -> None:
    before = statement(furnished, learner)

    status, page = post(furnished, at(learner), withdrawal())
    assert (status, 'data-state="proposed"' in page) == (200, True)
    assert statement(furnished, learner) == before
    (correction,) = ids(furnished, learner)
    assert 'data-testid="correction-confirm-own"' in page

    assert post(furnished, at(learner, correction, "confirm"))[0] == 403
    assert statement(furnished, learner) == before

    status, page = post(furnished, at(learner, correction, "confirm"), login="staff-zhou")
    assert (status, 'data-state="confirmed"' in page) == (200, True)
    after = statement(furnished, learner)
    assert after.refused_seconds["corrected"] == 600
    assert after.credited_seconds == before.credited_seconds - 600
    post(furnished, at(learner, correction, "confirm"), login="staff-zhou")
    assert statement(furnished, learner) == after


def test_a_correction_is_a_signal_that_institution_and_authority_see(
    furnished: Furnished, learner: LearnerRef
) -> None:
    post(furnished, at(learner), withdrawal())
    (correction,) = ids(furnished, learner)
    for login, where in (("staff-lin", "/institution/signals"), ("official-guangzhou", "/authority/signals")):
        assert 'data-kind="ledger_corrected"' not in furnished.as_staff(login).get(where).text

    post(furnished, at(learner, correction, "confirm"), login="staff-zhou")

    for login, where in (("staff-lin", "/institution/signals"), ("official-guangzhou", "/authority/signals")):
        page = furnished.as_staff(login).get(where).text
        assert page.count('data-kind="ledger_corrected"') == 1, login
        assert "查实挂机" in page.replace("<wbr>", "")


def test_a_correction_that_was_taken_back_can_not_be_confirmed(
    furnished: Furnished, learner: LearnerRef
) -> None:
    post(furnished, at(learner), withdrawal())
    (correction,) = ids(furnished, learner)

    assert 'data-state="refused"' in post(furnished, at(learner, correction, "refuse"))[1]

    assert post(furnished, at(learner, correction, "confirm"), login="staff-zhou")[0] == 409
    assert "corrected" not in statement(furnished, learner).refused_seconds


def test_the_database_refuses_one_person_for_two(furnished: Furnished, learner: LearnerRef) -> None:
    post(furnished, at(learner), withdrawal())

    with pytest.raises(IntegrityError), furnished.house.engine.begin() as connection:
        connection.execute(text("UPDATE ledger_correction SET state = 'confirmed', decided_by = proposed_by"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"end": "2026-11-01T00:00"}, "结束时间应晚于开始时间"),
        ({"start": "yesterday"}, "请填写开始和结束"),
        ({"reason": "because"}, "请选择更正原因"),
        ({"what": "make_credit"}, "请选择要做的更正"),
        ({"what": "transfer_in"}, "转入由转出自动产生"),
        ({"what": "check_void", "check": "chk_unknown"}, "没有这次核验"),
        ({"what": "offline_void", "offline": "part|1|x"}, "没有这次线下课"),
        ({"what": "transfer_out", "to": RUN}, "请选择另一个班次"),
        ({"what": "transfer_out", "to": "run_unknown"}, "没有这个班次"),
    ],
)
def test_what_cannot_be_is_not_proposed(
    furnished: Furnished, learner: LearnerRef, changes: dict[str, str], sentence: str
) -> None:
    status, page = post(furnished, at(learner), withdrawal() | changes)

    assert status == 422
    assert sentence in page.replace("<wbr>", "")
    assert ids(furnished, learner) == []


def test_a_misjudged_check_is_set_aside(furnished: Furnished, learner: LearnerRef) -> None:
    before = statement(furnished, learner)
    wrong = BEGIN + timedelta(minutes=7)
    furnished.check(learner, f"ses_unit_electric_{learner}"[:40], wrong, "other_person")
    assert statement(furnished, learner).credited_seconds < before.credited_seconds
    check = f"chk_ses_unit_electric_{learner}"[: 4 + 40] + f"_{epoch_ms(wrong)}"

    status, page = post(
        furnished, at(learner), {"what": "check_void", "check": check, "reason": "check_misjudged"}
    )
    assert status == 200, page
    (correction,) = ids(furnished, learner)
    post(furnished, at(learner, correction, "confirm"), login="staff-zhou")

    assert statement(furnished, learner).credited_seconds == before.credited_seconds


def test_a_learner_who_moves_takes_the_credit_along(furnished: Furnished, learner: LearnerRef) -> None:
    add_run(furnished, learner)
    before = statement(furnished, learner)

    status, page = post(furnished, at(learner), transfer())
    assert status == 200, page
    (correction,) = ids(furnished, learner)
    post(furnished, at(learner, correction, "confirm"), login="staff-zhou")

    old, new = statement(furnished, learner), statement(furnished, learner, NEXT)
    assert old.credited_seconds == 0
    assert "moved_away" in old.refused_seconds
    assert new.credited_seconds == new.carried_ms // 1000 == before.credited_seconds > 0
    assert [unit.seen_media for unit in new.units] == [unit.seen_media for unit in before.units]
    with furnished.house.uow.for_institution(ORG) as tx:
        stations = furnished.house.at(tx)
        entered = stations.ledger.entries(learner, NEXT)[-1].data
        assert not stations.corrections.enter(correction)  # entered once, however often it is asked for
        earned = stations.earned.earned(learner, NEXT)
    assert earned.online_class_hours > 0
    assert (entered["proposed_by"], entered["confirmed_by"]) != ("", "")
    assert entered["from"] == RUN
    assert statement(furnished, learner, NEXT) == new


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "yearly_retraining"}, "培训类别不同"),
        ({"outline_id": OutlineId("outline_next")}, "不是同一版本"),
    ],
)
def test_credit_moves_to_the_same_outline_and_kind_only(
    furnished: Furnished, learner: LearnerRef, changes: dict[str, Any], sentence: str
) -> None:
    if "outline_id" in changes:
        with furnished.house.uow.for_institution(ORG) as tx:
            store = furnished.house.at(tx).registry_store
            outline = store.outline(OutlineId("outline_demo"))
            assert outline is not None
            store.add_outline(replace(outline, id=changes["outline_id"]))
    add_run(furnished, learner, **changes)

    status, page = post(furnished, at(learner), transfer())

    assert status == 422
    assert sentence in page.replace("<wbr>", "")


def test_nobody_moves_out_twice(furnished: Furnished, learner: LearnerRef) -> None:
    add_run(furnished, learner)
    post(furnished, at(learner), transfer())
    (correction,) = ids(furnished, learner)
    post(furnished, at(learner, correction, "confirm"), login="staff-zhou")

    status, page = post(furnished, at(learner), transfer())

    assert (status, "已从其中一个班次转出" in page.replace("<wbr>", "")) == (422, True)


def test_two_transfers_that_were_both_confirmed_carry_once(furnished: Furnished, learner: LearnerRef) -> None:
    third = ClassRunId("run_third")
    add_run(furnished, learner)
    add_run(furnished, learner, third)
    credited = statement(furnished, learner).credited_seconds
    with furnished.house.uow.for_institution(ORG) as tx:
        corrections = furnished.house.at(tx).corrections
        for to in (NEXT, third):
            one = corrections.propose(
                CorrectionKind.TRANSFER_OUT, learner, RUN, {"to": to}, reason="class_changed", by="staff_1"
            )
            corrections.confirm(one.id, "staff_2")
    furnished.work_off()

    got = [statement(furnished, learner, run).credited_seconds for run in (NEXT, third)]
    assert sorted(got) == [0, credited]


def test_other_people_see_no_corrections(furnished: Furnished, learner: LearnerRef) -> None:
    assert furnished.client().get(at(learner)).status_code in (302, 303, 401, 403)
    for login in ("official-guangzhou", "staff-ping"):
        client = furnished.as_staff(login)
        assert client.get(at(learner)).status_code in (403, 404), login
    post(furnished, at(learner), withdrawal())
    (correction,) = ids(furnished, learner)
    assert post(furnished, at(learner, correction, "confirm"), login="staff-ping")[0] == 404
    _account, other = furnished.enrol("huang", HUANG, HUANG_ID)
    for what in ("confirm", "refuse"):
        assert post(furnished, at(other, correction, what), login="staff-zhou")[0] == 404
    assert "corrected" not in statement(furnished, learner).refused_seconds
    assert furnished.as_staff("staff-zhou").post(at(learner, correction, "confirm")).status_code == 400


def test_nobody_moves_out_of_a_class_run_that_has_a_paper(tmp_path: Path) -> None:
    made = furnish(tmp_path, with_fonts=True)
    _account, learner = made.enrol("chen", CHEN, CHEN_ID)
    made.finish_course(learner)
    made.pass_test(learner)
    assert made.papers(learner)
    add_run(made, learner)

    status, page = post(made, at(learner), transfer())
    made.house.close()

    assert (status, "已出具证明" in page.replace("<wbr>", "")) == (422, True)


def test_frozen_time_is_not_left_behind_by_a_transfer(furnished: Furnished, learner: LearnerRef) -> None:
    add_run(furnished, learner)
    with furnished.house.uow.for_institution(ORG) as tx:
        withdraw_course(tx, CourseId("course_demo"), date(2026, 11, 24), "staff_1")
    review_standing(furnished.house, ORG)

    status, page = post(furnished, at(learner), transfer())

    assert (status, "先补办手续再转班" in page.replace("<wbr>", "")) == (422, True)


def test_time_that_waits_for_a_check_is_not_left_behind_by_a_transfer(
    furnished: Furnished, learner: LearnerRef
) -> None:
    add_run(furnished, learner)
    start = NOW - timedelta(minutes=20)
    # What was out of sight the first time.
    furnished.watch(learner, "ses_more", "unit_electric", start, 100, media_ms=1_200_000)
    furnished.check(learner, "ses_more", start)
    assert statement(furnished, learner).figures.provisional_seconds > 0

    status, page = post(furnished, at(learner), transfer())
    assert (status, "等待核验或测验确认" in page.replace("<wbr>", "")) == (422, True)

    furnished.check(learner, "ses_more", start + timedelta(seconds=100))
    assert post(furnished, at(learner), transfer())[0] == 200
