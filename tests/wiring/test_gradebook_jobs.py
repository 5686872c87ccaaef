"""Hours over real HTTP into a gradebook that behaves as Moodle's: by choice alone, once, never backwards."""

import json
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from bridge.completion.gradebook_model import DatedGrade, Grade, LeftGrade, PendingScore, ScoreState
from bridge.completion.hour_scores import SCORE_WANTED
from bridge.db.outbox import Job, LeaseLost, take
from bridge.kernel.ids import JobId, LearnerRef
from bridge.registry.link_model import HOURS_TAG
from bridge.wiring.gradebook_jobs import _step
from bridge.worker.runner import Work
from lti.ags import LINE_ITEM_SCOPE, SCORE_SCOPE
from lti.scores import Send
from tests.lti.platform import TEACHER
from tests.lti.served import served
from tests.web.furnished import NOW, ORG, PLATFORM, RUN
from tests.wiring.lms import COURSE, SUB, Lms


def endpoint(lms: Lms, item: str | None = "1", **changes: Any) -> dict[str, Any]:
    here = lms.services.origin
    said = {
        "lineitems": f"{here}/lineitems",
        "lineitem": None if item is None else f"{here}/lineitems/{item}",
        "scope": [SCORE_SCOPE, LINE_ITEM_SCOPE],
    }
    return {name: value for name, value in {**said, **changes}.items() if value is not None}


def column(lms: Lms, *, tag: str | None = HOURS_TAG, maximum: int = 2) -> None:
    item = {"id": f"{lms.services.origin}/lineitems/1", "label": "学时", "scoreMaximum": maximum, "tag": tag}
    lms.services.line_items["1"] = {name: value for name, value in item.items() if value is not None}


def learner_with_hours(lms: Lms, ags: dict[str, Any] | None) -> LearnerRef:
    """Let somebody launch who has studied the whole online part: two class hours."""
    lms.launch(SUB, ags=ags)
    lms.work()
    return lms.learner


def posted(lms: Lms) -> list[dict[str, Any]]:
    return [
        json.loads(body)
        for request, body in zip(lms.services.asked, lms.services.bodies, strict=True)
        if request.path.endswith("/scores")
    ]


def states(lms: Lms) -> list[tuple[Any, ...]]:
    return lms.rows("SELECT state, reason FROM lms_score")


def study_on(lms: Lms, learner: LearnerRef, given: int) -> None:
    """Have other hours stand in the ledger's place, as its next entries would."""
    with lms.house.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE lms_score SET given = '{given}'")  # noqa: S608
    lms.pass_time(seconds=1)
    with lms.house.uow.for_institution(ORG) as tx:
        lms.house.at(tx).hour_scores.note(learner, RUN)


def test_hours_reach_a_column_that_is_for_them(studied: Lms) -> None:
    column(studied)

    learner_with_hours(studied, endpoint(studied))

    assert [(one["userId"], one["scoreGiven"], one["scoreMaximum"]) for one in posted(studied)] == [
        (SUB, 2, 2)
    ]
    (sent,) = posted(studied)
    assert (sent["activityProgress"], sent["gradingProgress"]) == ("Completed", "FullyGraded")
    assert states(studied) == [("sent", "")]
    assert studied.services.grades["1", SUB][1] == 2


@pytest.mark.parametrize("tag", [None, "something.else"])
def test_hours_go_into_no_column_that_nobody_chose_for_them(studied: Lms, tag: str | None) -> None:
    column(studied, tag=tag)

    learner_with_hours(studied, endpoint(studied))

    assert posted(studied) == []
    assert states(studied) == []
    assert studied.calls("/lineitems/1") == 1


def test_staff_have_one_column_made_and_earlier_hours_follow(studied: Lms) -> None:
    learner_with_hours(studied, endpoint(studied, None))
    assert posted(studied) == []
    for _ in range(2):
        with studied.house.uow.for_institution(ORG) as tx:
            studied.house.at(tx).gradebook.switch_on(PLATFORM, COURSE, by="staff_lin")
    studied.work()

    (made,) = studied.services.line_items.values()
    assert (made["tag"], made["scoreMaximum"]) == (HOURS_TAG, 2)
    assert [one["scoreGiven"] for one in posted(studied)] == [2]


def test_a_lost_answer_to_the_making_makes_no_second_column(studied: Lms) -> None:
    learner_with_hours(studied, endpoint(studied, None))
    right = studied.services._make
    lost = []

    def make_and_lose(request: Request, scopes: str) -> Response:
        right(request, scopes)
        lost.append(request)
        return Response(status=502)

    studied.services._make = make_and_lose  # type: ignore[method-assign]  # an answer that is lost on the way
    with studied.house.uow.for_institution(ORG) as tx:
        studied.house.at(tx).gradebook.switch_on(PLATFORM, COURSE, by="staff_lin")
    studied.work()
    studied.services._make = right  # type: ignore[method-assign]
    studied.pass_time(seconds=30)
    studied.work()

    assert len(lost) == 1
    assert len(studied.services.line_items) == 1
    assert [one["scoreGiven"] for one in posted(studied)] == [2]


def test_teachers_and_who_is_not_known_there_get_no_score(studied: Lms) -> None:
    column(studied)
    studied.launch("u-2", roles=TEACHER, ags=endpoint(studied))
    studied.work()
    assert states(studied) == []

    account, learner = studied.furnished.account(SUB), studied.learner
    with studied.house.uow.for_institution(ORG) as tx:
        stations = studied.house.at(tx)
        stations.rosters.see_launch(PLATFORM, COURSE, account, "teacher")
        stations.hour_scores.note(learner, RUN)
    studied.work()

    assert states(studied) == []
    assert posted(studied) == []


def test_who_left_the_course_before_the_score_could_go_gets_none(studied: Lms) -> None:
    column(studied)
    studied.services.odd = lambda request: Response(status=503) if request.path.endswith("/scores") else None
    learner_with_hours(studied, endpoint(studied))
    with studied.house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lms_membership SET until = since, status = 'absent'")
    studied.services.odd = lambda _: None
    studied.pass_time(minutes=1)
    studied.work()

    assert states(studied) == [("refused", "not_a_learner_there")]
    assert studied.services.grades == {}


def test_a_platform_that_is_away_gets_the_score_when_it_is_back(studied: Lms) -> None:
    column(studied)
    studied.services.odd = lambda request: Response(status=503) if request.path.endswith("/scores") else None
    learner_with_hours(studied, endpoint(studied))
    assert states(studied) == [("waiting", "platform_error")]
    studied.services.odd = lambda _: None
    studied.pass_time(seconds=4)
    studied.work()
    assert len(posted(studied)) == 1
    studied.pass_time(seconds=1)
    studied.work()

    assert states(studied) == [("sent", "")]
    assert posted(studied)[0] == posted(studied)[1]


def test_retry_after_is_kept(studied: Lms) -> None:
    column(studied)
    busy = Response(status=429, headers={"Retry-After": "120"})
    studied.services.odd = lambda request: busy if request.path.endswith("/scores") else None
    learner_with_hours(studied, endpoint(studied))
    studied.pass_time(seconds=119)
    studied.work()
    assert len(posted(studied)) == 1
    studied.pass_time(seconds=1)
    studied.work()
    assert len(posted(studied)) == 2


def test_a_platform_that_says_try_again_for_ever_is_given_up_after_three_days(studied: Lms) -> None:
    column(studied)
    studied.services.odd = lambda request: Response(status=500) if request.path.endswith("/scores") else None
    learner_with_hours(studied, endpoint(studied))
    for _ in range(200):
        if states(studied) != [("waiting", "platform_error")]:
            break
        studied.pass_time(minutes=30)
        studied.work()

    assert states(studied) == [("refused", "platform_error")]
    assert timedelta(days=3) <= studied.furnished.clock.now() - NOW < timedelta(days=3, hours=1)
    before = len(posted(studied))
    studied.pass_time(days=9)
    studied.work()
    assert len(posted(studied)) == before


def test_a_refusal_is_kept_with_its_reason_and_sent_again_on_request(studied: Lms) -> None:
    column(studied)
    studied.services.odd = lambda request: Response(status=404) if request.path.endswith("/scores") else None
    learner_with_hours(studied, endpoint(studied))
    assert states(studied) == [("refused", "score_refused")]
    studied.pass_time(days=1)
    studied.work()
    assert len(posted(studied)) == 1

    studied.services.odd = lambda _: None
    ((score,),) = studied.rows("SELECT id FROM lms_score")
    with studied.house.uow.for_institution(ORG) as tx:
        studied.house.at(tx).hour_scores.send_again(score, RUN)
    studied.work()

    assert states(studied) == [("sent", "")]
    assert studied.services.grades["1", SUB][1] == 2


def test_already_newer_is_success(studied: Lms) -> None:
    column(studied)
    later = int((NOW + timedelta(days=1)).timestamp())
    studied.services.grades["1", SUB] = (later, 1)

    learner_with_hours(studied, endpoint(studied))

    assert states(studied) == [("sent", "")]
    assert studied.services.grades["1", SUB] == (later, 1)


def job_of_score(lms: Lms) -> Job:
    ((job_id,),) = lms.rows(f"SELECT id FROM job WHERE kind = '{SCORE_WANTED}'")  # noqa: S608
    with lms.house.uow.across_institutions("test: a worker that will die") as tx:
        job = take(tx.session, JobId(job_id), lms.house.clock.now())
    assert job is not None
    return job


def killed_after_sending(lms: Lms) -> LearnerRef:
    """Have a worker die between the score's leaving and its being recorded."""
    column(lms)
    lms.services.odd = lambda request: Response(status=503) if request.path.endswith("/scores") else None
    learner = learner_with_hours(lms, endpoint(lms))
    lms.services.odd = lambda _: None
    lms.pass_time(seconds=5)
    with lms.house.uow.for_institution(ORG) as tx:
        tx.want(SCORE_WANTED, lms.rows("SELECT id FROM lms_score")[0][0])
    job = job_of_score(lms)
    lms.house.runner._works[SCORE_WANTED].prepare(job)
    assert lms.services.grades["1", SUB][1] == 2
    return learner


def test_a_worker_that_dies_before_it_wrote_down_that_it_sent_doubles_nothing(studied: Lms) -> None:
    killed_after_sending(studied)
    before = dict(studied.services.grades)
    studied.pass_time(seconds=21)
    studied.work()

    assert states(studied) == [("sent", "")]
    assert studied.services.grades == before
    assert posted(studied)[-1] == posted(studied)[-2]


def test_what_was_earned_after_such_a_death_still_comes_through(studied: Lms) -> None:
    learner = killed_after_sending(studied)
    study_on(studied, learner, 1)  # what is wanted changed, and changed back: a newer grade of 2
    studied.pass_time(seconds=21)
    studied.work()

    assert states(studied) == [("sent", "")]
    stamps = [one["timestamp"] for one in posted(studied)]
    assert stamps == sorted(stamps)
    assert studied.services.grades["1", SUB][1] == 2


def test_what_is_earned_within_the_second_of_such_a_death_comes_through_as_well(studied: Lms) -> None:
    column(studied)
    works = studied.house.runner._works
    right = works[SCORE_WANTED]

    def with_one_hour(job: Job) -> Any:
        with studied.house.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE lms_score SET given = '1'")
        return right.prepare(job)

    def die(*_: Any) -> None:
        raise LeaseLost

    works[SCORE_WANTED] = Work(prepare=with_one_hour, apply=die)
    learner_with_hours(studied, endpoint(studied))
    works[SCORE_WANTED] = right
    assert [one["scoreGiven"] for one in posted(studied)] == [1]
    studied.pass_time(microseconds=300_000)
    with studied.house.uow.for_institution(ORG) as tx:
        studied.house.at(tx).hour_scores.note(studied.learner, RUN)
    studied.pass_time(seconds=21)
    studied.work()

    assert states(studied) == [("sent", "")]
    assert studied.services.grades["1", SUB][1] == 2


def test_no_token_goes_to_another_host_than_the_platforms(studied: Lms) -> None:
    reached: list[str] = []

    def elsewhere(environ: Any, start_response: Any) -> Any:
        reached.append(Request(environ).path)
        return Response(status=200)(environ, start_response)

    column(studied)
    with served(elsewhere) as foreign:
        learner = learner_with_hours(
            studied, endpoint(studied, lineitem=f"{foreign}/lineitems/1", lineitems=f"{foreign}/lineitems")
        )
        assert studied.rows("SELECT url FROM lms_line_item") == []
        assert studied.rows("SELECT line_items_url FROM lms_gradebook") == [(None,)]
        # Even an address that was the platform's own when it was noted.
        studied.launch(SUB, ags=endpoint(studied))
        studied.work()
        assert states(studied) == [("sent", "")]
        asked = studied.calls("/")
        with studied.house.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE lms_line_item SET url = '{foreign}/lineitems/1'")  # noqa: S608
        study_on(studied, learner, 1)
        studied.work()

    assert reached == []
    assert studied.calls("/") == asked
    assert states(studied) == [("refused", "service_host_foreign")]


def test_a_disabled_platform_is_not_called(studied: Lms) -> None:
    column(studied)
    learner_with_hours(studied, endpoint(studied))
    before = studied.calls("/")
    with studied.house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lti_registration SET status = 'disabled'")
    study_on(studied, studied.learner, 1)
    studied.work()

    assert states(studied) == [("waiting", "registration_disabled")]
    assert studied.calls("/") == before


_actions = st.lists(st.sampled_from(["earn", "second", "lost", "died", "sent"]), min_size=1, max_size=25)


@settings(max_examples=200, deadline=None)
@given(actions=_actions)
def test_whatever_is_lost_on_the_way_the_newest_grade_ends_at_the_platform(actions: list[str]) -> None:
    """The law of `_step` with a platform that keeps grades as Moodle does, and workers that die anywhere."""
    clock = _Clock()
    platform: dict[str, Any] = {"second": -1, "given": None}
    history: list[int] = []
    hours = 1
    pending = _pending(hours, clock)

    def send(pending: PendingScore, *, arrives: bool, recorded: bool) -> PendingScore:
        step = _step(pending, "sub", clock)  # type: ignore[arg-type]  # a house of which the clock alone is asked
        if not isinstance(step, Send):
            return pending
        left = LeftGrade(pending.wanted, step.timestamp, arrived=False)
        outgoing = step.outgoing()
        second = int(outgoing.timestamp.timestamp())
        assert outgoing.timestamp <= clock.clock.at
        if arrives and second > platform["second"]:
            assert outgoing.score_given is not None
            platform.update(second=second, given=outgoing.score_given)
            history.append(int(outgoing.score_given))
        left = LeftGrade(left.what, left.dated, arrived=arrives and recorded)
        return _with(pending, left=left)

    for action in actions:
        if action == "earn":
            hours += 1
            pending = _with(pending, wanted=_dated(hours, clock))
        elif action == "second":
            clock.clock.at += timedelta(milliseconds=700)
        else:
            pending = send(pending, arrives=action != "lost", recorded=action == "sent")
    for _ in range(3):
        clock.clock.at += timedelta(seconds=2)
        pending = send(pending, arrives=True, recorded=True)

    assert platform["given"] == hours
    assert history == sorted(history)


class _Stand:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> Any:
        return self.at


class _Clock:
    """A house of which the clock alone is asked."""

    def __init__(self) -> None:
        self.clock = _Stand()


def _dated(hours: int, clock: _Clock) -> DatedGrade:
    return DatedGrade(Grade(Fraction(hours), Fraction(100), "InProgress"), clock.clock.at)


def _pending(hours: int, clock: _Clock) -> PendingScore:
    return PendingScore(
        "scr_1", "lit_1", "acc_1", LearnerRef("ln_1"), RUN, _dated(hours, clock), None, ScoreState.WAITING, "",
        NOW, None, 0, NOW,
    )  # fmt: skip


def _with(pending: PendingScore, **changes: Any) -> PendingScore:
    return replace(pending, **changes)
