"""Notices, their handlers and awaited results on both databases: once each, and one institution's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bridge.intake.notices import HANDLER_WANTED, HandlerState, Notices, due_handlers
from bridge.intake.ports import Person, Place
from bridge.intake.results import (
    RESULT_WANTED,
    AwaitedResult,
    ResultState,
    TestResults,
    due_results,
    result_text,
)
from bridge.intake.store import SqlInbox
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.kernel.time import rfc3339
from lti.claims import Context
from lti.notices import CONTEXT_COPY, HELLO_WORLD, Notice
from tests.identity.house import NOW, ORG, PLATFORM, RUN, House
from tests.lti.platform import Platform, StandingClock
from tests.registry.platforms import OTHER_ORG

SERVICE = "https://lms.example/handlers"


class BlindLms:
    """`intake.ports.Lms` for which every course is the same unknown one."""

    def person(self, registration: RegistrationId, sub: str) -> Person:
        return Person("blind", None)

    def actor(self, registration: RegistrationId, sub: str) -> str:
        return "blind"

    def place(self, registration: RegistrationId, context_id: str, resource_link_id: str | None) -> Place:
        return Place("blind", None, None)


class Desk:
    """Notices and results of one house."""

    def __init__(self, house: House) -> None:
        self.house = house

    @contextmanager
    def notices(self, institution: InstitutionId = ORG) -> Iterator[Notices]:
        with self.house.units.for_institution(institution) as tx:
            yield Notices(tx, SqlInbox(tx), BlindLms())

    @contextmanager
    def results(self, institution: InstitutionId = ORG) -> Iterator[TestResults]:
        with self.house.units.for_institution(institution) as tx:
            yield TestResults(tx, SqlInbox(tx))

    def count(self, what: str, **values: Any) -> int:
        with self.house.engine.connect() as connection:
            return int(connection.execute(text(what), values).scalar() or 0)

    def due(self, find: Any) -> list[Any]:
        with self.house.units.across_institutions("test: what is due") as tx:
            return list(find(tx))

    def jobs(self, kind: str) -> int:
        return self.count("SELECT sum(wanted) FROM job WHERE kind = :kind", kind=kind)

    def result(self) -> AwaitedResult:
        with self.results() as results:
            (one,) = results.of_class_run(RUN)
        return one

    def began(self, attempt: str = "tat_1") -> AwaitedResult:
        with self.results() as results:
            results.begin(begun(attempt))
            results.begin(begun(attempt))
        return self.result()

    def running(self) -> AwaitedResult:
        one = self.began()
        with self.results() as results:
            results.note_before(one.id, "https://lms.example/lineitems/2", "")
        return self.result()

    def over(self, by: str = "platform") -> AwaitedResult:
        self.running()
        with self.results() as results:
            results.end({**begun(), "ended_real": rfc3339(self.house.clock.now()), "ended_by": by})
        return self.result()


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    house = House(database_url, tmp_path).loaded()
    yield Desk(house)
    house.close()


def begun(attempt: str = "tat_1") -> dict[str, Any]:
    return {
        "account": "acc_1",
        "attempt": f"gate-{attempt}",
        "class_run": RUN,
        "gate_attempt": attempt,
        "learner": "ln_1",
        "registration": PLATFORM,
        "resource_link_id": "link-1",
        "started_real": rfc3339(NOW),
        "unit": "test_final",
    }


def notice(id: str = "notice-1", type: str = CONTEXT_COPY, sha: str = "a" * 64) -> Notice:
    platform = Platform("https://lms.example", "client-1", StandingClock(), "https://tool.example")
    return Notice(
        registration=platform.registration(id=PLATFORM),
        id=id,
        type=type,
        happened_at=NOW,
        deployment_id="1",
        context=Context("course-2", None, None),
        origin_contexts=("course-1",),
        raw={},
        sha256=sha,
    )


def test_a_notice_is_one_however_it_is_signed(desk: Desk) -> None:
    with desk.notices() as notices:
        first = [notices.receive(notice()), notices.receive(notice(sha="b" * 64))]
    with desk.notices() as notices:
        assert [*first, notices.receive(notice(sha="c" * 64))] == [True, False, False]
    assert desk.count("SELECT count(*) FROM event WHERE type = 'intake.context_copied'") == 1


def test_handlers_are_offered_once_for_what_is_known(desk: Desk) -> None:
    for _ in range(2):
        with desk.notices() as notices:
            notices.offer(PLATFORM, SERVICE, [HELLO_WORLD, "LtiSomethingNewNotice"])
    with desk.notices() as notices:
        (handler,) = notices.handlers(PLATFORM)

    assert (handler.notice_type, handler.state) == (HELLO_WORLD, HandlerState.WAITING)
    assert desk.jobs(HANDLER_WANTED) == 1
    assert desk.due(due_handlers) == [(ORG, handler.id)]


def test_a_handler_is_told_of_again_where_the_service_moved(desk: Desk) -> None:
    with desk.notices() as notices:
        notices.offer(PLATFORM, SERVICE, [HELLO_WORLD])
        (handler,) = notices.handlers(PLATFORM)
        notices.note_registered(handler.id, SERVICE)
        notices.offer(PLATFORM, SERVICE + "/moved", [HELLO_WORLD])
        notices.note_registered(handler.id, SERVICE)  # the answer of the old one comes late
        (moved,) = notices.handlers(PLATFORM)

    assert (moved.state, moved.service_url) == (HandlerState.WAITING, SERVICE + "/moved")


def test_a_handler_that_was_refused_waits_for_nothing(desk: Desk) -> None:
    with desk.notices() as notices:
        notices.offer(PLATFORM, SERVICE, [HELLO_WORLD])
        (handler,) = notices.handlers(PLATFORM)
        notices.note_failure(handler.id, "platform_slow", pause=timedelta(minutes=1))
    assert desk.due(due_handlers) == []
    desk.house.clock.advance(minutes=1)
    assert desk.due(due_handlers) == [(ORG, handler.id)]
    with desk.notices() as notices:
        notices.note_failure(handler.id, "notice_handler_refused", pause=None)
        refused = notices.get(handler.id)

    assert refused is not None
    assert (refused.state, refused.next_at) == (HandlerState.REFUSED, None)


def test_another_institution_has_no_part_in_it(desk: Desk) -> None:
    with desk.notices() as notices:
        notices.offer(PLATFORM, SERVICE, [HELLO_WORLD])
    one = desk.began()

    with desk.notices(OTHER_ORG) as notices:
        assert notices.handlers(PLATFORM) == []
    with desk.results(OTHER_ORG) as results:
        assert results.get(one.id) is None
        assert results.of_class_run(RUN) == []
        results.end({**begun(), "ended_real": rfc3339(NOW), "ended_by": "platform"})
    assert desk.result().state is ResultState.BEFORE


def test_a_test_that_began_is_asked_about_once(desk: Desk) -> None:
    one = desk.began()

    assert one.state is ResultState.BEFORE
    assert desk.jobs(RESULT_WANTED) == 1
    assert desk.due(due_results) == [(ORG, one.id)]


def test_nothing_is_asked_while_the_test_runs(desk: Desk) -> None:
    one = desk.running()

    assert (one.state, one.next_at, one.before) == (ResultState.RUNNING, None, "")
    assert desk.due(due_results) == []


def test_the_pauses_grow_and_the_last_try_is_after_three_days(desk: Desk) -> None:
    one = desk.over()
    pauses = []
    while (following := desk.result()).next_at is not None:
        desk.house.clock.at = following.next_at
        with desk.results() as results:
            results.note_unchanged(one.id, "result_none_yet")
        now = desk.result().next_at
        pauses.append(None if now is None else int((now - desk.house.clock.now()).total_seconds()))

    assert pauses[:10] == [2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]
    assert pauses[-1] is None
    assert desk.house.clock.now() == NOW + timedelta(days=3)
    assert (desk.result().state, desk.result().reason) == (ResultState.GIVEN_UP, "result_none_yet")


def test_a_result_is_taken_once(desk: Desk) -> None:
    one = desk.over()
    for score in (80, 90):
        with desk.results() as results:
            results.receive(one.id, Fraction(score), Fraction(100), NOW)

    assert desk.result().state is ResultState.RECEIVED
    assert desk.count("SELECT count(*) FROM event WHERE type = 'intake.score_received'") == 1
    assert desk.count('SELECT count(*) FROM inbox_message WHERE payload LIKE \'%"score":"80"%\'') == 1


def test_the_platforms_word_on_the_end_comes_after_the_learners(desk: Desk) -> None:
    desk.over("learner")
    desk.house.clock.advance(minutes=1)
    later = rfc3339(desk.house.clock.now())
    with desk.results() as results:
        results.end({**begun(), "ended_real": later, "ended_by": "platform"})

    assert (desk.result().ended_real, desk.result().ended_by) == (later, "platform")


def test_a_late_word_on_what_was_there_before_changes_nothing(desk: Desk) -> None:
    one = desk.over()
    with desk.results() as results:
        results.note_before(one.id, "https://lms.example/lineitems/9", result_text(Fraction(1), Fraction(2)))

    assert desk.result() == one
