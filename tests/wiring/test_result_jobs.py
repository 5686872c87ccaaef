"""A test at a platform that tells nothing by itself: its result is asked for, and counts with presence alone."""

import json
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.wrappers import Response

from bridge.intake.store import SqlInbox
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.ids import CourseUnitId
from bridge.kernel.time import epoch_ms
from bridge.presence.gate.model import EndedBy, GateOrigin, TestAttempt, new_attempt
from bridge.presence.model import Activity, CheckState
from bridge.registry.link_model import HOURS_TAG
from bridge.wiring.test_gates import new_link_attempt_id
from lti.ags import LINE_ITEM_SCOPE, RESULT_READ_SCOPE
from tests.web.furnished import ORG, PLATFORM, RUN
from tests.wiring.lms import SUB, Lms

LINK, TEST = "gate-link", CourseUnitId("test_final")


def endpoint(lms: Lms, item: str | None = "2") -> dict[str, Any]:
    here = lms.services.origin
    said = {"lineitems": f"{here}/lineitems", "scope": [RESULT_READ_SCOPE, LINE_ITEM_SCOPE]}
    return said if item is None else {**said, "lineitem": f"{here}/lineitems/{item}"}


def column(lms: Lms, number: str = "2", *, link: str | None = LINK, tag: str | None = None) -> None:
    item = {"id": f"{lms.services.origin}/lineitems/{number}", "label": "测验", "scoreMaximum": 100}
    more = {"resourceLinkId": link, "tag": tag}
    lms.services.line_items[number] = {**item, **{name: v for name, v in more.items() if v is not None}}


def mark(lms: Lms, given: float, number: str = "2") -> None:
    """Have the platform keep a mark of the learner, out of 100."""
    lms.services.grades[number, SUB] = (lms.services.clock.seconds(), given)


def begin(lms: Lms, *, item: str | None = "2", link: str = LINK) -> TestAttempt:
    """Let the learner come by the gate's link, pass the check and have the test opened."""
    account = lms.launch(SUB, link=link, ags=endpoint(lms, item))
    lms.work()
    with lms.house.uow.for_institution(ORG) as tx:
        stations = lms.house.at(tx)
        wanted = new_attempt(
            lms.house.clock.now(),
            registration=PLATFORM,
            deployment_id="deployment-1",
            resource_link_id=link,
            account_id=account,
            class_run=RUN,
            unit=TEST,
            origin=GateOrigin.LINK,
            attempt=new_link_attempt_id(),
            attempt_number=None,
            control=None,
            return_url=None,
        )
        attempt = stations.gates.ask(wanted, None)
        opened = stations.presence.open_session(
            learner=lms.learner,
            class_run=RUN,
            unit=TEST,
            activity=Activity.TEST,
            attempt=attempt.attempt,
            account_id=account,
            token_id=f"token-{attempt.id}",
        )
        stations.gates.watch(attempt, lms.learner, opened.session.id)
        (check,) = stations.presence_store.checks_of_session(opened.session.id)
        now_ms = epoch_ms(lms.house.study_clock.now())
        stations.presence_store.save_check(replace(check, state=CheckState.PASSED), now_ms)
        running, _ = stations.gates.start(stations.gates.own(attempt.id, account))
    lms.work()
    assert isinstance(running, TestAttempt)
    return running


def sit(lms: Lms, attempt: TestAttempt, *, watched: bool = True) -> None:
    """Let two minutes pass; the agent beats every ten seconds if it is there."""
    assert attempt.session is not None
    for number in range(12):
        lms.pass_time(seconds=10)
        if watched:
            with lms.house.uow.for_institution(ORG) as tx:
                SqlInbox(tx).append(
                    chain=attempt.session,
                    source="agent",
                    received_at=lms.house.clock.now(),
                    original_sha256=sha256_hex(f"{attempt.id}{number}".encode()),
                    verification="made by a test",
                    idempotency_key=f"{attempt.session}:{number}",
                    payload="{}",
                )


def end(lms: Lms, attempt: TestAttempt, by: EndedBy = EndedBy.PLATFORM) -> None:
    with lms.house.uow.for_institution(ORG) as tx:
        gates = lms.house.at(tx).gates
        gates.end(gates.own(attempt.id, attempt.account_id), by)
    lms.work()


def decisions(lms: Lms) -> list[tuple[Any, ...]]:
    rows = lms.rows(
        "SELECT attempt, score, maximum, accepted, reasons FROM test_decision ORDER BY decided_at, id"
    )
    return [(*row[:3], bool(row[3]), json.loads(row[4])) for row in rows]


def standing(lms: Lms) -> list[tuple[Any, ...]]:
    return lms.rows("SELECT state, reason FROM lms_result ORDER BY id")


def test_a_result_with_presence_over_the_test_counts(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    mark(studied, 88.5)
    end(studied, attempt)

    assert decisions(studied) == [(attempt.attempt, "88.5", "100", True, [])]
    assert standing(studied) == [("received", "")]
    (claim,) = studied.rows("SELECT payload, verification FROM inbox_message WHERE source LIKE 'result:%'")
    assert json.loads(claim[0])["score"] == "88.5"


def test_a_result_without_presence_does_not_count(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt, watched=False)
    mark(studied, 88)
    end(studied, attempt)

    assert decisions(studied) == [(attempt.attempt, "88", "100", False, ["score_without_presence"])]


def test_the_packs_pass_mark_decides(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    mark(studied, 10)
    end(studied, attempt)

    assert decisions(studied) == [(attempt.attempt, "10", "100", False, ["below_pass_mark"])]


def test_who_leaves_the_gate_and_hands_in_later_was_not_seen(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    end(studied, attempt, EndedBy.LEARNER)
    assert standing(studied) == [("waiting", "result_none_yet")]
    studied.pass_time(minutes=20)
    mark(studied, 95)
    studied.work()

    assert decisions(studied) == [(attempt.attempt, "95", "100", False, ["score_without_presence"])]


def test_what_was_reached_before_unseen_is_never_taken_for_it(studied: Lms) -> None:
    column(studied)
    mark(studied, 97)
    attempt = begin(studied)
    sit(studied, attempt)
    end(studied, attempt)
    assert standing(studied) == [("waiting", "result_unchanged")]
    for _ in range(80):
        studied.pass_time(hours=1)
        studied.work()

    assert decisions(studied) == []
    assert standing(studied) == [("given_up", "result_unchanged")]
    asked = studied.calls("/lineitems/2/results")
    assert 70 < asked < 100


def test_a_better_mark_than_before_came_of_the_test(studied: Lms) -> None:
    column(studied)
    mark(studied, 60)
    attempt = begin(studied)
    sit(studied, attempt)
    mark(studied, 90)
    end(studied, attempt)

    assert decisions(studied) == [(attempt.attempt, "90", "100", True, [])]


def test_a_test_that_ended_before_anybody_knew_what_was_there_counts_for_nothing(studied: Lms) -> None:
    column(studied)
    studied.services.odd = lambda request: Response(status=503) if "results" in request.path else None
    attempt = begin(studied)
    assert standing(studied) == [("before", "platform_error")]
    sit(studied, attempt)
    end(studied, attempt)
    studied.services.odd = lambda _: None
    mark(studied, 88)
    studied.pass_time(days=1)
    studied.work()

    assert standing(studied) == [("given_up", "result_before_unknown")]
    assert decisions(studied) == []


def test_a_platform_that_is_away_is_asked_until_it_is_back(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    mark(studied, 88)
    studied.services.odd = lambda request: Response(status=503) if "results" in request.path else None
    end(studied, attempt)
    assert standing(studied) == [("waiting", "platform_error")]
    studied.services.odd = lambda _: None
    studied.pass_time(seconds=5)
    studied.work()

    # The platform's own word says when the test ended: a late answer makes nothing later.
    assert decisions(studied) == [(attempt.attempt, "88", "100", True, [])]


def test_the_result_counts_once_however_often_the_end_is_told(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    mark(studied, 88)
    end(studied, attempt, EndedBy.LEARNER)
    mark(studied, 99)
    end(studied, attempt, EndedBy.PLATFORM)
    studied.pass_time(hours=1)
    studied.work()

    assert [row[:2] for row in decisions(studied)] == [(attempt.attempt, "88")]
    claims = studied.rows("SELECT count(*) FROM inbox_message WHERE source LIKE 'result:%'")
    assert claims == [(1,)]


def test_a_further_test_leaves_the_result_of_the_one_before_to_nobody(studied: Lms) -> None:
    column(studied)
    first = begin(studied)
    end(studied, first, EndedBy.PLATFORM)
    begin(studied)

    assert standing(studied) == [("given_up", "test_begun_again"), ("running", "")]


def test_a_column_that_no_launch_named_is_found_by_its_link(studied: Lms) -> None:
    column(studied)
    column(studied, "3", link="another-link")
    attempt = begin(studied, item=None)
    sit(studied, attempt)
    mark(studied, 88)
    end(studied, attempt)

    assert decisions(studied) == [(attempt.attempt, "88", "100", True, [])]


@pytest.mark.parametrize("others", [[], ["2", "3"]], ids=["no column", "two columns"])
def test_where_it_cannot_be_told_which_column_is_meant_nothing_is_taken(
    studied: Lms, others: list[str]
) -> None:
    for number in others:
        column(studied, number)
        mark(studied, 88, number)
    begin(studied, item=None)

    assert standing(studied) == [("given_up", "line_item_missing")]


def test_hours_that_we_wrote_ourselves_are_no_result_of_a_test(studied: Lms) -> None:
    column(studied, tag=HOURS_TAG)
    begin(studied)

    assert standing(studied) == [("given_up", "line_item_missing")]


@pytest.mark.parametrize("given", [120, -5])
def test_what_is_no_mark_is_not_taken(studied: Lms, given: int) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    mark(studied, given)
    end(studied, attempt)

    assert standing(studied) == [("given_up", "result_malformed")]
    assert decisions(studied) == []


def test_another_persons_result_is_not_taken(studied: Lms) -> None:
    column(studied)
    attempt = begin(studied)
    sit(studied, attempt)
    studied.services.grades["2", "somebody-else"] = (studied.services.clock.seconds(), 99)
    end(studied, attempt)

    assert standing(studied) == [("waiting", "result_none_yet")]
