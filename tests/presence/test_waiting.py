"""Frames that wait for us: checks are put off, windows made longer, and nothing is ever held against the learner."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.presence.model import Activity, Backlog, CheckRules, CheckState
from bridge.presence.session_ends import CONSENT_REVOKED
from bridge.presence.waiting import LastEnd, look_again_ms, put_off_until
from tests.presence.pictures import picture
from tests.presence.room import LEARNER, MINUTE_MS, RULES, Agent, MadeQueue, Room

BACKLOG = Backlog(wait_limit_ms=5_000, put_off_ms=20_000)
LONG = BACKLOG.wait_limit_ms + 1
DECIDED = "presence.check_decided"
HOUR_MS = 60 * MINUTE_MS


@pytest.fixture
def busy(known: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A room whose learner is registered and whose pack puts checks off while frames wait for too long.

    Checks fall due in the middle of their gap, so that there is room to put them off.
    """
    monkeypatch.setattr("bridge.presence.service.secrets.randbits", lambda bits: 2 ** (bits - 1))
    known.rules.values = replace(RULES, backlog=BACKLOG)
    return known


def outcomes(room: Room) -> list[str]:
    return [event["outcome"] for event in room.events(DECIDED)]


def next_due(room: Room, agent: Agent) -> int:
    with room.open() as desk:
        found = desk.store.session(agent.session.id)
    assert found is not None
    return found[0].next_due_ms


def until_due(room: Room, agent: Agent) -> int:
    """Let time pass until the next check is due; return that moment."""
    due = next_due(room, agent)
    room.pass_time(seconds=-(-(due - room.now_ms) // 1000))
    return due


# ---- checks are put off -------------------------------------------------------------------------------------


def test_a_due_check_is_put_off_while_frames_wait_and_asked_for_afterwards(busy: Room) -> None:
    agent = busy.begin().pass_check()
    until_due(busy, agent)
    busy.queue.waited = LONG
    assert agent.beat(after_seconds=0) == []
    moved = next_due(busy, agent)
    assert moved == busy.now_ms + BACKLOG.put_off_ms
    busy.queue.waited = 0
    agent.beat(after_seconds=21)
    check = busy.check(agent.check)
    # What a missed check withdraws begins with the moment to which it was moved, not with the one before.
    assert (check.kind, check.due_ms) == ("random", moved)
    assert outcomes(busy) == ["passed"]


def test_it_is_put_off_again_and_again_but_never_beyond_the_longest_gap(busy: Room) -> None:
    agent = busy.begin().pass_check()
    passed = busy.now_ms
    until_due(busy, agent)
    busy.queue.waited = 10**9
    beats = 0
    while agent.beat(after_seconds=10) == []:
        beats += 1
        assert beats < 200
    assert beats > 0
    latest = passed + RULES.gap_max_ms
    assert busy.check(agent.check).due_ms <= latest <= busy.now_ms


@pytest.mark.parametrize("waited", [0, BACKLOG.wait_limit_ms])
def test_a_queue_that_is_short_enough_puts_nothing_off(busy: Room, waited: int) -> None:
    agent = busy.begin().pass_check()
    due = until_due(busy, agent)
    busy.queue.waited = waited
    agent.beat(after_seconds=0)
    assert busy.check(agent.check).due_ms == due


def test_a_pack_without_the_values_puts_nothing_off(known: Room) -> None:
    agent = known.begin().pass_check()
    due = until_due(known, agent)
    known.queue.waited = LONG
    agent.beat(after_seconds=0)
    assert known.check(agent.check).due_ms == due


def test_who_failed_a_check_gets_the_next_at_once_for_no_time_counts_before_it(busy: Room) -> None:
    agent = busy.begin().pass_check()
    until_due(busy, agent)
    agent.beat(after_seconds=0)
    for _ in range(2):
        busy.answer(agent.check, picture("90"))
    failed = agent.check
    busy.queue.waited = LONG
    agent.beat()
    assert agent.check != failed
    assert outcomes(busy) == ["passed", "other_person"]


def test_a_check_that_was_asked_for_is_not_taken_back(busy: Room) -> None:
    agent = busy.begin()
    asked = agent.check
    busy.queue.waited = LONG
    agent.beat()
    assert agent.check == asked


@given(
    gap_min=st.integers(1, HOUR_MS),
    more=st.integers(0, HOUR_MS),
    limit=st.integers(0, 60_000),
    step=st.integers(1, HOUR_MS),
    waited=st.integers(0, HOUR_MS),
    since=st.integers(0, 3 * HOUR_MS),
    state=st.sampled_from(sorted(CheckState)),
)
def test_a_check_is_put_off_only_for_a_reason_and_only_within_the_packs_gaps(
    gap_min: int, more: int, limit: int, step: int, waited: int, since: int, state: CheckState
) -> None:
    rules = CheckRules(gap_min, gap_min + more, 60_000, 3, Backlog(limit, step))
    at = 10**12
    now = at + since
    later = put_off_until(rules, MadeQueue(waited), LastEnd(state, at), now)
    may = state is CheckState.PASSED and waited > limit and now < at + rules.gap_max_ms
    assert (later is not None) == may
    if later is not None:
        assert now < later <= min(at + rules.gap_max_ms, now + step)


def test_nothing_is_put_off_before_any_check_nor_where_nobody_waits() -> None:
    rules = replace(RULES, backlog=BACKLOG)
    assert put_off_until(rules, MadeQueue(LONG), None, 0) is None
    assert put_off_until(rules, MadeQueue(), LastEnd(CheckState.PASSED, 0), 1) is None


# ---- windows grow by what a frame waited -----------------------------------------------------------------------


def test_what_a_frame_waited_is_added_to_the_checks_time(known: Room) -> None:
    agent = known.begin()
    answer_by = known.check(agent.check).answer_by_ms
    known.pass_time(seconds=50)
    frame = known.submit(agent.check, known.check(agent.check).nonce, picture("dark"))
    known.pass_time(seconds=300)
    known.judge(frame)
    assert known.check(agent.check).answer_by_ms == answer_by + 300_000
    # Ten seconds are left, as when the frame came.
    known.pass_time(seconds=9)
    assert known.answer(agent.check, picture("0")).state == "passed"


def test_time_that_was_not_ours_is_not_added(known: Room) -> None:
    agent = known.begin()
    known.answer(agent.check, picture("dark"))
    known.pass_time(seconds=60)
    with pytest.raises(InvalidInput, match="check_closed"):
        known.submit(agent.check, known.check(agent.check).nonce, picture("0"))


def test_a_frame_that_we_cannot_judge_costs_neither_an_attempt_nor_time(known: Room) -> None:
    agent = known.begin()
    before = known.check(agent.check)
    frame = known.submit(agent.check, before.nonce, picture("0"))
    known.pass_time(seconds=200)
    with known.open() as desk:
        desk.frames.give_up(frame, "系统未能核对这张照片(不是您的原因),请重新拍摄。")
    after = known.check(agent.check)
    assert after.attempts_left == before.attempts_left
    assert after.answer_by_ms == before.answer_by_ms + 200_000


def test_a_frame_that_came_in_time_is_taken_however_late_we_come_to_it(known: Room) -> None:
    agent = known.begin()
    check = known.check(agent.check)
    came = known.now_ms + 59_000
    known.pass_time(seconds=65)
    with known.open() as desk:
        asked = desk.presence.for_frame(check.id, agent.secret)
        frame = desk.frames.submit_for_check(
            asked.check, check.nonce, picture("0"), at_ms=came, waiting=asked.waiting
        )
    known.judge(frame)
    assert outcomes(known) == ["passed"]


def test_a_passed_check_counts_from_the_moment_at_which_its_frame_came(known: Room) -> None:
    agent = known.begin()
    known.pass_time(seconds=7)
    came = known.now_ms
    frame = known.submit(agent.check, known.check(agent.check).nonce, picture("0"))
    known.pass_time(seconds=1200)
    known.judge(frame)
    (told,) = known.events(DECIDED)
    assert (told["outcome"], told["at_ms"]) == ("passed", came)
    # The next is not due before the learner could know that this one was passed.
    assert next_due(known, agent) >= known.now_ms


@settings(max_examples=25, deadline=None)
@given(
    waits=st.lists(st.integers(0, 3600), min_size=3, max_size=3),
    pauses=st.lists(st.integers(0, 19), min_size=3, max_size=3),
    says=st.tuples(st.sampled_from(["none", "dark", "two", "70"]), st.sampled_from(["none", "dark", "0"])),
)
def test_who_answers_in_time_never_misses_a_check_however_long_our_queue(
    tmp_path_factory: pytest.TempPathFactory, waits: list[int], pauses: list[int], says: tuple[str, str]
) -> None:
    room = Room(f"sqlite:///{tmp_path_factory.mktemp('waiting') / 'presence.sqlite'}")
    room.know()
    agent = room.begin()
    for wait, pause, one in zip(waits, pauses, (*says, "0"), strict=True):
        check = room.check(agent.check)
        if check.state is not CheckState.OPEN:
            break
        room.pass_time(seconds=pause)
        frame = room.submit(check.id, check.nonce, picture(one))
        room.pass_time(seconds=wait)
        with room.open() as desk:
            asked, judging, _ = desk.presence.check_state(check.id, agent.secret)
        assert (asked.state, judging) == (CheckState.OPEN, True)
        room.judge(frame)
    assert outcomes(room) == ["passed"]
    room.close()


# ---- sessions that end while a frame waits ---------------------------------------------------------------------


def test_a_frame_that_waits_is_judged_though_its_session_was_given_up(known: Room) -> None:
    agent = known.begin(token="token-1")
    frame = known.submit(agent.check, known.check(agent.check).nonce, picture("0"))
    known.begin(token="token-2")
    assert outcomes(known) == []
    known.judge(frame)
    assert outcomes(known) == ["passed"]


def test_a_poor_frame_of_a_session_that_was_given_up_leaves_its_check_to_run_out(known: Room) -> None:
    agent = known.begin(token="token-1")
    frame = known.submit(agent.check, known.check(agent.check).nonce, picture("dark"))
    known.begin(token="token-2")
    known.judge(frame)
    assert outcomes(known) == []
    known.pass_time(seconds=60)
    with known.open() as desk:
        desk.presence.expire(known.check(agent.check))
    assert outcomes(known) == ["missed"]


def test_who_withdraws_the_consent_is_judged_no_more(known: Room) -> None:
    agent = known.begin()
    known.submit(agent.check, known.check(agent.check).nonce, picture("0"))
    with known.open() as desk:
        desk.presence.end_study(LEARNER, CONSENT_REVOKED)
    assert known.check(agent.check).state is CheckState.DECLINED


# ---- looking ----------------------------------------------------------------------------------------------------


def test_looking_says_what_asking_says(known: Room) -> None:
    agent = known.begin()
    for says in ("dark", "0"):
        frame = known.submit(agent.check, known.check(agent.check).nonce, picture(says))
        for judged in (False, True):
            if judged:
                known.judge(frame)
            with known.open() as desk:
                seen = desk.presence.look(agent.check, agent.secret)
                assert seen == desk.presence.check_state(agent.check, agent.secret)


@pytest.mark.parametrize("activity", list(Activity))
def test_where_more_is_to_be_done_than_to_look_nothing_is_seen(known: Room, activity: Activity) -> None:
    agent = known.begin(activity=activity)
    with known.open() as desk:
        assert desk.presence.look(agent.check, agent.secret + "x") is None
    known.pass_time(seconds=60)
    with known.open() as desk:
        assert desk.presence.look(agent.check, agent.secret) is None
        assert desk.presence.check_state(agent.check, agent.secret)[0].state is CheckState.MISSED


def test_a_page_looks_again_the_later_the_more_frames_wait() -> None:
    pauses = [look_again_ms(frames) for frames in range(500)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= 50
    assert pauses[-1] <= 2_000
