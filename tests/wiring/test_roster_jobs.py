"""Rosters over real HTTP: read after the first launch, then on time; refused, slow, foreign and killed."""

from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from bridge.db.outbox import take
from bridge.web.launches.arrival import Arrival
from bridge.web.launches.resource_link import open_link
from tests.lti.platform import MEMBERSHIP, TEACHER
from tests.lti.served import served
from tests.lti.service_platform import answer
from tests.web.furnished import ORG, PLATFORM, RUN
from tests.wiring.lms import COURSE, Lms

MEMBERS: list[dict[str, Any]] = [
    {"user_id": "u-1", "status": "Active", "roles": [MEMBERSHIP + "Learner"], "email": "a@lms.example",
     "name": "三 张", "given_name": "三", "family_name": "张"},
    {"user_id": "u-2", "status": "Active", "roles": [MEMBERSHIP + "Instructor"]},
    {"user_id": "u-3", "status": "Inactive", "roles": [MEMBERSHIP + "Learner"]},
]  # fmt: skip


def roster_of(lms: Lms) -> str:
    lms.services.members = list(MEMBERS)
    return f"{lms.services.origin}/roster"


def in_course(lms: Lms) -> list[tuple[str, str]]:
    with lms.house.uow.for_institution(ORG, read_only=True) as tx:
        stations = lms.house.at(tx)
        history = stations.rosters.history(PLATFORM, COURSE)
    return sorted((one.role, one.source) for one in history if one.until is None)


def outcomes(lms: Lms) -> list[tuple[Any, ...]]:
    return lms.rows("SELECT kind, outcome, members, joined FROM lms_roster_read ORDER BY ended_at, id")


def with_page(lms: Lms, differences: str, members: list[Any]) -> None:
    """Have the roster offer where differences are, and answer there with `members`."""

    def odd(request: Request) -> Response | None:
        if request.path == "/changes":
            return answer({"id": "x", "context": {"id": COURSE}, "members": members},
                          link=f"<{differences}>; rel=differences")  # fmt: skip
        if request.path == "/roster" and "Authorization" in request.headers:
            return answer({"id": "x", "context": {"id": COURSE}, "members": lms.services.members},
                          link=f"<{differences}>; rel=differences")  # fmt: skip
        return None

    lms.services.odd = odd


def the_right_context(lms: Lms) -> None:
    def odd(request: Request) -> Response | None:
        if request.path == "/roster" and "Authorization" in request.headers:
            return answer({"id": "x", "context": {"id": COURSE}, "members": lms.services.members})
        return None

    lms.services.odd = odd


def test_the_first_launch_has_the_roster_read_and_nobody_is_enrolled_or_credited(lms: Lms) -> None:
    the_right_context(lms)
    before = {t: lms.rows(f"SELECT count(*) FROM {t}") for t in ("enrolment", "learner", "ledger_entry")}  # noqa: S608

    lms.launch("u-1", nrps=roster_of(lms))
    lms.work()

    assert in_course(lms) == [("learner", "launch"), ("teacher", "roster")]
    assert outcomes(lms) == [("full", "read", 3, 1)]
    assert lms.rows("SELECT with_contact FROM lms_roster_read") == [(1,)]
    assert lms.rows("SELECT count(*) FROM lms_account") == [(2,)]
    for table, count in before.items():
        assert lms.rows(f"SELECT count(*) FROM {table}") == count  # noqa: S608
    with lms.house.uow.for_institution(ORG, read_only=True) as tx:
        assert list(lms.house.at(tx).registry.enrolled(RUN)) == []


def test_a_class_that_enters_asks_once(lms: Lms) -> None:
    the_right_context(lms)
    url = roster_of(lms)
    for number in range(5):
        lms.launch(f"u-{number}", nrps=url)
    lms.launch("u-1", nrps=url)
    lms.work()

    assert lms.calls("/roster") == 1


def test_it_is_read_again_after_an_hour_and_not_before(lms: Lms) -> None:
    the_right_context(lms)
    lms.launch("u-1", nrps=roster_of(lms))
    lms.work()
    lms.pass_time(minutes=59)
    lms.work()
    assert lms.calls("/roster") == 1

    lms.services.members = MEMBERS[1:]
    lms.pass_time(minutes=1)
    lms.work()

    assert lms.calls("/roster") == 2
    assert in_course(lms) == [("teacher", "roster")]


def test_every_page_is_read_before_anybody_leaves(lms: Lms) -> None:
    url = roster_of(lms)
    with_page(lms, f"{lms.services.origin}/changes", [])
    lms.launch("u-1", nrps=url)
    lms.work()

    def half(request: Request) -> Response | None:
        if request.path == "/roster" and "Authorization" in request.headers:
            if "page" in request.args:
                return Response(status=503)
            first = {"id": "x", "context": {"id": COURSE}, "members": []}
            return answer(first, link=f"<{url}?page=2>; rel=next")
        return Response(status=404) if request.path == "/changes" else None

    lms.services.odd = half
    lms.pass_time(minutes=60)
    lms.work()

    assert in_course(lms) == [("learner", "launch"), ("teacher", "roster")]
    assert [row[:2] for row in outcomes(lms)] == [("full", "read"), ("full", "platform_error")]


def test_differences_follow_the_first_reading(lms: Lms) -> None:
    gone = [{"user_id": "u-2", "status": "Deleted", "roles": [MEMBERSHIP + "Instructor"]}]
    with_page(lms, f"{lms.services.origin}/changes?since=1", gone)
    lms.launch("u-1", nrps=roster_of(lms))
    lms.work()
    lms.pass_time(minutes=60)
    lms.work()

    assert in_course(lms) == [("learner", "launch")]
    assert [row[:2] for row in outcomes(lms)] == [("full", "read"), ("differences", "read")]
    assert lms.calls("/roster") == 1


def test_a_platform_that_has_forgotten_is_read_from_the_beginning(lms: Lms) -> None:
    url = roster_of(lms)
    with_page(lms, f"{lms.services.origin}/gone?since=1", [])
    lms.launch("u-1", nrps=url)
    lms.work()
    lms.pass_time(minutes=60)
    lms.work()

    assert [row[:2] for row in outcomes(lms)] == [("full", "read"), ("full", "read")]
    assert lms.calls("/gone") == 1


def test_differences_that_are_away_for_now_are_asked_for_again(lms: Lms) -> None:
    url = roster_of(lms)
    with_page(lms, f"{lms.services.origin}/changes?since=1", [])
    lms.launch("u-1", nrps=url)
    lms.work()
    before = lms.services.odd
    lms.services.odd = lambda request: Response(status=503) if request.path == "/changes" else before(request)
    lms.pass_time(minutes=60)
    lms.work()

    assert [row[:2] for row in outcomes(lms)] == [("full", "read"), ("differences", "platform_error")]
    assert lms.calls("/roster") == 1


def test_a_failing_platform_is_left_alone_longer_each_time(lms: Lms) -> None:
    lms.services.odd = lambda request: Response(status=503) if request.path == "/roster" else None
    lms.launch("u-1", nrps=roster_of(lms))
    asked = []
    for _ in range(8):
        lms.work()
        asked.append(lms.calls("/roster"))
        lms.pass_time(hours=1)

    assert asked == [1, 2, 2, 3, 3, 3, 3, 4]


def test_the_roster_of_another_course_is_not_taken_over(lms: Lms) -> None:
    lms.launch("u-1", nrps=roster_of(lms))
    lms.work()

    assert [row[:2] for row in outcomes(lms)] == [("full", "roster_of_other_context")]
    assert in_course(lms) == [("learner", "launch")]


def test_unreadable_entries_are_counted_by_reason_and_make_nobody_leave(lms: Lms) -> None:
    the_right_context(lms)
    lms.launch("u-1", nrps=roster_of(lms))
    lms.work()
    lms.services.members = [{"status": "Active", "roles": []}, "?", MEMBERS[1]]
    lms.pass_time(minutes=60)
    lms.work()

    assert in_course(lms) == [("learner", "launch"), ("teacher", "roster")]
    (told,) = lms.rows("SELECT set_aside FROM lms_roster_read ORDER BY ended_at DESC LIMIT 1")
    assert "user_id_missing" in told[0]
    assert "entry_malformed" in told[0]


def test_no_token_goes_to_another_host_than_the_platforms(lms: Lms) -> None:
    reached: list[str] = []

    def elsewhere(environ: Any, start_response: Any) -> Any:
        reached.append(Request(environ).path)
        return answer({"members": []})(environ, start_response)

    with served(elsewhere) as foreign:
        lms.launch("u-1", nrps=f"{foreign}/roster")
        lms.work()
        assert lms.rows("SELECT count(*) FROM lms_roster") == [(0,)]
        # Even an address that was the platform's own when it was noted, before the platform moved.
        lms.launch("u-2", nrps=roster_of(lms))
        with lms.house.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE lms_roster SET memberships_url = '{foreign}/roster'")  # noqa: S608
        lms.work()

    assert reached == []
    assert lms.calls("/token") == 0
    assert [row[:2] for row in outcomes(lms)] == [("full", "service_host_foreign")]


def test_differences_on_another_host_are_never_asked_for(lms: Lms) -> None:
    with_page(lms, "https://elsewhere.example/changes", [])
    lms.launch("u-1", nrps=roster_of(lms))
    lms.work()

    assert lms.rows("SELECT differences_url FROM lms_roster") == [(None,)]


def test_a_worker_that_dies_after_asking_has_changed_nothing_and_the_next_one_begins_anew(lms: Lms) -> None:
    the_right_context(lms)
    lms.launch("u-1", nrps=roster_of(lms))
    (job_id,) = lms.due()
    with lms.house.uow.across_institutions("test: a worker that will die") as tx:
        job = take(tx.session, job_id, lms.house.clock.now())
    assert job is not None
    lms.house.runner._works[job.kind].prepare(job)  # asked, and then killed
    lms.work()
    assert outcomes(lms) == []

    lms.pass_time(seconds=21)
    lms.work()

    assert outcomes(lms) == [("full", "read", 3, 1)]
    assert lms.calls("/roster") == 2


def test_a_slow_roster_stays_in_one_workers_hands(lms: Lms) -> None:
    url = roster_of(lms)

    def slow(request: Request) -> Response | None:
        if request.path != "/roster" or "Authorization" not in request.headers:
            return None
        number = int(request.args.get("page", 1))
        lms.pass_time(seconds=8)
        lms.work_elsewhere()  # type: ignore[attr-defined]  # set below
        document = {"id": "x", "context": {"id": COURSE}, "members": []}
        return answer(document, link=f"<{url}?page={number + 1}>; rel=next" if number < 6 else None)

    lms.services.odd = slow
    taken: list[object] = []

    def second_worker() -> None:
        for job_id in lms.rows("SELECT id FROM job WHERE state = 'leased'"):
            with lms.house.uow.across_institutions("test: a second worker") as tx:
                taken.append(take(tx.session, job_id[0], lms.house.clock.now()))

    lms.work_elsewhere = second_worker  # type: ignore[attr-defined]  # a hook of this test alone
    lms.launch("u-1", nrps=url)
    lms.work()

    assert [row[:2] for row in outcomes(lms)] == [("full", "read")]
    assert set(taken) == {None}


def test_a_teachers_launch_names_the_roster_as_well(lms: Lms) -> None:
    the_right_context(lms)
    lms.launch("u-2", roles=TEACHER, nrps=roster_of(lms))
    lms.work()

    assert in_course(lms) == [("learner", "roster"), ("teacher", "roster")]


@pytest.mark.parametrize("roles", [None, TEACHER], ids=["learner", "teacher"])
def test_the_door_notes_the_services_of_every_launch(lms: Lms, roles: list[str] | None) -> None:
    the_right_context(lms)
    here = lms.services.origin
    ags = {"lineitems": f"{here}/lineitems", "scope": []}
    launch = lms.verified("u-1", roles=roles, nrps=roster_of(lms), ags=ags)
    with lms.furnished.app.test_request_context():
        assert open_link(Arrival(lms.house, launch)).status_code == 303
    lms.work()

    assert in_course(lms) == [("learner", "roster" if roles else "launch"), ("teacher", "roster")]
    assert lms.rows("SELECT line_items_url FROM lms_gradebook") == [(f"{here}/lineitems",)]


def test_a_reading_that_always_fails_by_a_defect_is_not_tried_at_every_tick(
    lms: Lms, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[object] = []

    def defect(*_: object, **__: object) -> None:
        tries.append(None)
        raise RuntimeError("a defect")

    monkeypatch.setattr("bridge.wiring.roster_jobs.RosterService.pages", defect)
    lms.launch("u-1", nrps=roster_of(lms))
    for _ in range(60):
        lms.work()
        lms.pass_time(minutes=1)
    assert len(tries) == 8
    assert lms.rows("SELECT state FROM job WHERE kind = 'identity.roster'") == [("dead",)]

    lms.pass_time(hours=1)
    lms.work()

    assert len(tries) == 9
