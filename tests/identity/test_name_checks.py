"""The checks of real names on both databases: one for an account and a person, however often it is asked for."""

import threading
from datetime import timedelta

from sqlalchemy import select

from bridge.db.outbox import JobRow
from bridge.identity.name_check_tables import RealNameCheckRow
from bridge.identity.name_checks import (
    NAME_WANTED,
    NameChecks,
    due_checks,
    last_question,
    open_checks,
    outcomes_since,
)
from bridge.identity.provider_model import Answer, CheckState, Grace, Outcome, Standing
from bridge.kernel.ids import EvidenceId
from tests.identity.house import CHEN_ID, NOW, RUN, House

HOUR = timedelta(hours=1)
GRACE = Grace(HOUR, HOUR, HOUR, HOUR)


def ask(house: House, sub: str = "lms-user-1001") -> Standing:
    with house.desk() as desk:
        row = desk.identity_store.list_row(RUN, CHEN_ID)
        assert row is not None
        return NameChecks(desk.tx, house.cipher).ask(desk.account(sub), row)


def ids(house: House) -> list[str]:
    with house.desk() as desk:
        return list(desk.tx.session.scalars(select(RealNameCheckRow.id)))


def test_a_form_sent_four_times_at_once_is_one_question(house: House) -> None:
    with house.desk() as desk:
        desk.account("lms-user-1001")
    ready = threading.Barrier(4)
    said: list[Standing] = []

    def send() -> None:
        ready.wait(10)
        said.append(ask(house))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert said == [Standing.PENDING] * 4
    (check,) = ids(house)
    with house.desk() as desk:
        wanted = desk.tx.session.scalars(select(JobRow.key).where(JobRow.kind == NAME_WANTED))
        assert list(wanted) == [check]


def test_what_left_and_what_came_is_counted_and_the_question_waits_its_pause(house: House) -> None:
    ask(house)
    (check_id,) = ids(house)
    with house.desk() as desk:
        checks = NameChecks(desk.tx, house.cipher)
        check = checks.get(check_id)
        assert check is not None
        question = checks.leave(check_id, "aliyun", photo=None)
        checks.leave(check_id, "aliyun", photo=EvidenceId("ev_1"))
        checks.note(question, Answer(Outcome.TIMEOUT, "platform_slow"))
        assert checks.settle(check, Answer(Outcome.TIMEOUT), GRACE, lambda _: HOUR) is CheckState.PENDING
    with house.units.across_institutions("test", read_only=True) as tx:
        assert outcomes_since(tx, NOW - HOUR) == {("aliyun", "timeout"): 1, ("aliyun", ""): 1}
        assert last_question(tx, "aliyun") == (NOW, "timeout", "platform_slow")
        assert open_checks(tx) == {CheckState.PENDING: 1}
        assert due_checks(tx) == []
    house.clock.advance(seconds=3600)
    with house.units.across_institutions("test", read_only=True) as tx:
        assert [found for _, found in due_checks(tx)] == [check_id]


def test_an_answer_after_the_decision_changes_nothing(house: House) -> None:
    ask(house)
    (check_id,) = ids(house)
    with house.desk() as desk:
        checks = NameChecks(desk.tx, house.cipher)
        check = checks.get(check_id)
        assert check is not None
        assert checks.settle(check, Answer(Outcome.MISMATCH), GRACE, lambda _: HOUR) is CheckState.MISMATCHED
        assert checks.settle(check, Answer(Outcome.MATCH), GRACE, lambda _: HOUR) is None
        assert [one.state for one in checks.for_staff(RUN)] == []
