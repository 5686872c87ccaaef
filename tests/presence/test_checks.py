"""Checks: opened at the server's moment, answered in time or missed from that moment on."""

from dataclasses import replace

import pytest

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import CheckId, LearnerRef
from bridge.kernel.time import epoch_ms
from bridge.presence.model import Activity
from tests.presence.pictures import picture
from tests.presence.room import LEARNER, RULES, RUN, Agent, Room

DECIDED = "presence.check_decided"


def decided(room: Room) -> list[tuple[str, str]]:
    return [(event["kind"], event["outcome"]) for event in room.events(DECIDED)]


def next_due(room: Room, agent: Agent) -> int:
    with room.open() as desk:
        found = desk.store.session(agent.session.id)
    assert found is not None
    return found[0].next_due_ms


def wait_for_the_random_check(room: Room, agent: Agent) -> int:
    """Beat until just before the next check is due; return its moment."""
    due = next_due(room, agent)
    agent.beat(after_seconds=(due - room.now_ms) // 1000 - 1)
    assert agent.commands == []
    return due


@pytest.mark.parametrize(
    ("activity", "kind"), [(Activity.STUDY, "entry"), (Activity.TEST, "test_start")], ids=str
)
def test_a_session_begins_with_a_check(known: Room, activity: Activity, kind: str) -> None:
    agent = known.begin(activity=activity)
    assert [(c["type"], c["kind"], c["attempts_left"]) for c in agent.commands] == [("check", kind, 3)]


def test_the_command_is_repeated_until_it_is_obeyed(known: Room) -> None:
    agent = known.begin()
    first = agent.check
    agent.beat()
    assert agent.check == first
    agent.pass_check().beat()
    assert agent.commands == []


def test_a_passed_check_is_told_once_with_its_moments(known: Room) -> None:
    agent = known.begin()
    began = known.now_ms
    check_id = agent.check
    known.pass_time(seconds=7)
    agent.pass_check()
    with known.open() as desk:
        reference = desk.store.reference(LEARNER, RUN)
    assert reference is not None
    assert known.events(DECIDED) == [
        {
            "learner": "lrn_1",
            "class_run": "run_1",
            "check": check_id,
            "kind": "entry",
            "session": agent.session.id,
            "due_ms": began,
            "at_ms": began + 7_000,
            "outcome": "passed",
            "reference": reference.id,
            "reason": "核验通过,请继续学习。",
        }
    ]


def test_the_next_check_falls_within_the_packs_gaps(known: Room) -> None:
    agent = known.begin().pass_check()
    wait = next_due(known, agent) - known.now_ms
    assert RULES.gap_min_ms <= wait <= RULES.gap_max_ms


def test_the_server_alone_knows_when_the_next_check_is_due(known: Room) -> None:
    agent = known.begin().pass_check()
    agent.beat()
    assert "due" not in repr(agent.commands)


def test_a_check_opens_at_its_due_moment_and_not_before(known: Room) -> None:
    agent = known.begin().pass_check()
    due = wait_for_the_random_check(known, agent)
    agent.beat(after_seconds=2)
    check = known.check(agent.check)
    assert (check.kind, check.due_ms) == ("random", due)
    assert check.opened_ms == known.now_ms
    assert check.answer_by_ms == known.now_ms + RULES.answer_window_ms


def test_in_a_test_the_later_checks_are_the_tests_own(known: Room) -> None:
    agent = known.begin(activity=Activity.TEST).pass_check()
    agent.beat(after_seconds=600)
    assert agent.commands[0]["kind"] == "in_test"


def test_a_missed_check_is_missed_from_its_due_moment(known: Room) -> None:
    agent = known.begin().pass_check()
    due = wait_for_the_random_check(known, agent)
    agent.beat(after_seconds=30)
    agent.beat(after_seconds=60)
    missed = known.events(DECIDED)[-1]
    assert (missed["outcome"], missed["due_ms"], missed["at_ms"]) == ("missed", due, known.now_ms)


def test_after_a_missed_check_the_next_one_stands_at_once(known: Room) -> None:
    agent = known.begin()
    missed = agent.check
    agent.beat(after_seconds=60)
    assert agent.check != missed
    agent.pass_check()
    assert decided(known) == [("entry", "missed"), ("random", "passed")]


def test_a_check_is_open_until_just_before_its_time_is_over(known: Room) -> None:
    agent = known.begin()
    known.pass_time(seconds=59)
    with known.open() as desk:
        check, judging, _ = desk.presence.check_state(agent.check, agent.secret)
    assert (check.state, judging) == ("open", False)
    known.pass_time(seconds=1)
    with known.open() as desk:
        check, _, message = desk.presence.check_state(agent.check, agent.secret)
    assert check.state == "missed"
    assert message == "未在规定时间内完成核验,自应核验时起的学习时间不计入学时,请重新核验后继续。"


def test_a_frame_in_time_is_judged_however_long_our_queue(known: Room) -> None:
    agent = known.begin()
    check_id = agent.check
    frame = known.submit(check_id, known.check(check_id).nonce, picture("0"))
    known.pass_time(seconds=300)
    with known.open() as desk:
        check, judging, _ = desk.presence.check_state(check_id, agent.secret)
    assert (check.state, judging) == ("open", True)
    known.judge(frame)
    assert decided(known) == [("entry", "passed")]


def test_a_frame_that_comes_too_late_is_refused(known: Room) -> None:
    agent = known.begin()
    known.pass_time(seconds=60)
    with pytest.raises(InvalidInput) as refused:
        known.submit(agent.check, known.check(agent.check).nonce, picture("0"))
    assert (refused.value.reason, refused.value.http_status) == ("check_closed", 409)


def test_a_bad_frame_costs_an_attempt_and_says_why(known: Room) -> None:
    agent = known.begin()
    assert known.answer(agent.check, picture("dark")).attempts_left == 2
    with known.open() as desk:
        _, _, message = desk.presence.check_state(agent.check, agent.secret)
    assert message == "光线太暗,请面向光源。"


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (("none", "none", "none"), "no_face"),
        (("two", "two", "two"), "several_faces"),
        (("dark", "dark", "dark"), "too_poor"),
        (("70", "70", "70"), "unsure"),
        (("90", "90"), "other_person"),
        (("90", "none", "90"), "other_person"),
        (("spoof", "spoof"), "suspected_spoof"),
        (("spoof", "none", "spoof"), "suspected_spoof"),
        (("none", "none", "spoof"), "unsure"),
        (("spoof", "90", "none"), "no_face"),
        (("doubtful", "doubtful", "doubtful"), "unsure"),
        (("doubtful", "0"), "passed"),
        (("spoof", "0", "0"), "passed"),
        (("spoof", "0", "none"), "no_face"),
        (("none", "none", "90"), "unsure"),
        (("90", "two", "none"), "no_face"),
        (("none", "90", "0"), "passed"),
    ],
)
def test_how_a_check_ends(known: Room, says: tuple[str, ...], outcome: str) -> None:
    agent = known.begin()
    states = [known.answer(agent.check, picture(one)).state for one in says]
    assert states == ["open"] * (len(says) - 1) + [outcome]
    assert decided(known) == [("entry", outcome)]


def test_a_verified_frame_after_a_suspicious_one_is_told_what_is_still_wanted(known: Room) -> None:
    agent = known.begin()
    for says, expected in (("spoof", "画面像是照片或屏幕"), ("0", "请再拍一张")):
        known.pass_time(seconds=1)
        assert known.answer(agent.check, picture(says)).state == "open"
        with known.open() as desk:
            _, _, message = desk.presence.check_state(agent.check, agent.secret)
        assert expected in message


def test_a_failed_check_is_followed_by_another_at_once(known: Room) -> None:
    agent = known.begin()
    failed = agent.check
    for says in ("90", "90"):
        known.answer(failed, picture(says))
    agent.beat()
    assert agent.check != failed


def test_a_final_check_takes_no_more_frames(known: Room) -> None:
    agent = known.begin()
    check = known.check(agent.check)
    agent.pass_check()
    with pytest.raises(InvalidInput, match="check_closed"):
        known.submit(check.id, check.nonce, picture("0"))


@pytest.mark.parametrize("nonce", ["", "0" * 32, "ÿþ随机"])
def test_a_frame_needs_the_checks_nonce(known: Room, nonce: str) -> None:
    agent = known.begin()
    with pytest.raises(NotPermitted, match="nonce_mismatch"):
        known.submit(agent.check, nonce, picture("0"))


def test_one_frame_at_a_time(known: Room) -> None:
    agent = known.begin()
    nonce = known.check(agent.check).nonce
    known.submit(agent.check, nonce, picture("none"))
    with pytest.raises(InvalidInput) as refused:
        known.submit(agent.check, nonce, picture("0"))
    assert (refused.value.reason, refused.value.http_status) == ("frame_waiting", 409)


def test_a_check_shows_itself_to_its_own_session_alone(known: Room) -> None:
    mine, theirs = known.begin(), known.begin(learner=LearnerRef("lrn_2"), token="token-2")
    with known.open() as desk, pytest.raises(NotPermitted, match="session_unknown"):
        desk.presence.check_state(mine.check, theirs.secret)


@pytest.mark.parametrize("check_id", ["chk_unknown", "", "a\0b", "核验"])
def test_an_unknown_check_is_not_found(known: Room, check_id: str) -> None:
    agent = known.begin()
    with known.open() as desk, pytest.raises(InvalidInput) as refused:
        desk.presence.check_state(CheckId(check_id), agent.secret)
    assert (refused.value.reason, refused.value.http_status) == ("check_unknown", 404)


def test_leaving_soon_after_a_passed_check_closes_the_session(known: Room) -> None:
    agent = known.begin().pass_check()
    agent.beat(after_seconds=29, ending=True)
    assert agent.commands == [{"type": "close", "reason": "finished", "message": "本次学习已结束。"}]
    with pytest.raises(InvalidInput, match="session_closed"):
        agent.beat()


def test_leaving_later_asks_for_an_exit_check_first(known: Room) -> None:
    agent = known.begin().pass_check()
    agent.beat(after_seconds=30, ending=True)
    assert agent.commands[0]["kind"] == "exit"
    agent.pass_check().beat(ending=True)
    assert agent.commands[0]["type"] == "close"
    assert decided(known) == [("entry", "passed"), ("exit", "passed")]


def test_leaving_does_not_move_a_check_that_was_due_before(known: Room) -> None:
    agent = known.begin().pass_check()
    due = wait_for_the_random_check(known, agent)
    agent.beat(after_seconds=40, ending=True)
    assert known.check(agent.check).due_ms == due


def test_leaving_with_a_check_open_leads_round_no_check(known: Room) -> None:
    agent = known.begin()
    asked = agent.check
    agent.beat(ending=True)
    assert agent.check == asked


def test_a_session_given_up_for_another_device_misses_its_open_check(known: Room) -> None:
    known.begin(token="token-1")
    known.pass_time(seconds=5)
    known.begin(token="token-2")
    assert decided(known) == [("entry", "missed")]


def test_closing_twice_changes_nothing_more(known: Room) -> None:
    agent = known.begin().pass_check()
    with known.open() as desk:
        desk.presence.close_session(agent.session.id, "finished")
        desk.presence.close_session(agent.session.id, "other_device")
        found = desk.store.session(agent.session.id)
    assert found is not None
    assert found[0] == replace(found[0], open=False, closed_reason="finished")


def test_the_study_pace_hears_of_each_check_that_opens_and_ends(known: Room) -> None:
    agent = known.begin()
    opened = known.pace.told
    agent.pass_check()
    assert known.pace.told == opened + 1


def test_the_pace_is_slowed_before_the_checks_moment_is_taken(
    known: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Slowing takes its time here: a moment taken before it would be a second earlier.
    monkeypatch.setattr(known.pace, "check_opening", lambda: known.study_clock.advance(seconds=1))
    began = known.study_clock.now()
    agent = known.begin()
    with known.open() as desk:
        check = desk.store.open_check(agent.session.id)
    assert check is not None
    assert check.opened_ms == epoch_ms(began) + 1000
