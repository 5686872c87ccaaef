"""Study under the eyes of staff: a second counts between two words of theirs and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.kernel.intervals import Interval, IntervalSet
from bridge.kernel.time import epoch_ms
from bridge.ledger.model.facts import CheckFact
from bridge.ledger.model.presence import prove
from bridge.presence.model import Activity, CheckRules
from bridge.presence.supervised import SupervisedStretch, SupervisedStudy
from tests.presence.room import LEARNER, MINUTE_MS, NOW, RULES, RUN, UNIT, Agent, MadeRules, Room

GAP_MS, WINDOW_MS = RULES.gap_max_ms, RULES.answer_window_ms
BEGAN_MS = epoch_ms(NOW)


@pytest.fixture
def room(database_url: str) -> Iterator[Room]:
    built = Room(database_url)
    yield built
    built.close()


@contextmanager
def desk(room: Room) -> Iterator[SupervisedStudy]:
    with room.open() as made:
        yield SupervisedStudy(made.tx, made.store, made.presence, room.rules, room.clock, room.study_clock)


def start(room: Room, *, mode: str = "in_person", card_checked: bool = True) -> SupervisedStretch:
    with desk(room) as supervised:
        return supervised.start(LEARNER, RUN, mode=mode, by="staff_lin", card_checked=card_checked)


def begin(room: Room, *, activity: Activity = Activity.STUDY, token: str = "token-s") -> Agent:  # noqa: S107  # the id of a made-up token
    with desk(room) as supervised:
        stretch = supervised.running(LEARNER, RUN)
        assert stretch is not None
        opened = supervised.open_session(
            stretch,
            unit=UNIT,
            activity=activity.value,
            attempt="attempt-1" if activity is Activity.TEST else None,
            account_id="acc_1",
            token_id=token,
        )
    return Agent(room, opened)


def attest(room: Room, stretch: SupervisedStretch) -> SupervisedStretch:
    with desk(room) as supervised:
        return supervised.attest(stretch.id, RUN, "staff_zhou")


def stop(room: Room, stretch: SupervisedStretch, *, seen: bool = True) -> SupervisedStretch:
    with desk(room) as supervised:
        return supervised.stop(stretch.id, RUN, "staff_lin", seen=seen)


def told(room: Room) -> list[tuple[str, str, int]]:
    """Return (session, kind, moment) of the passed checks that the ledger is told of."""
    events = room.events("presence.check_decided")
    assert {event["outcome"] for event in events} <= {"passed"}
    assert {event.get("method") for event in events} <= {"supervised"}
    return [(event["session"], event["kind"], event["at_ms"]) for event in events]


def settled_seconds(room: Room, session: str, until_ms: int) -> int:
    """Return what the ledger's own rule settles of the session's wall time, from what it was told."""
    facts = [
        CheckFact(
            event["check"], session, event["due_ms"], event["at_ms"], event["outcome"], event["reference"]
        )
        for event in room.events("presence.check_decided")
        if event["session"] == session
    ]
    anchors = {event["reference"] for event in room.events("presence.anchored")}
    proof = prove(Interval(BEGAN_MS, until_ms), facts, Rules(), left=False, anchors=anchors)  # type: ignore[arg-type]  # only the reach is read
    wall = IntervalSet([(BEGAN_MS, until_ms)])
    return ((proof.settled - proof.unanchored) & wall).total // 1000


class Rules:
    """`StudyRules` of which only the reach of a check is read."""

    def on(self, _day: object) -> "Rules":
        return self

    check_reach_ms = GAP_MS + WINDOW_MS


def test_staff_must_have_seen_person_and_card(room: Room) -> None:
    with pytest.raises(InvalidInput, match="card_check_required"):
        start(room, card_checked=False)
    with pytest.raises(InvalidInput, match="supervision_mode_unknown"):
        start(room, mode="by_telephone")
    assert room.events("presence.anchored") == []


def test_the_beginning_anchors_the_person_by_the_stretch_itself(room: Room) -> None:
    stretch = start(room, mode="live_video")
    (anchor,) = room.events("presence.anchored")
    assert (anchor["method"], anchor["reference"], anchor["by"]) == ("supervised", stretch.id, "staff_lin")


def test_no_face_is_ever_asked_for(room: Room) -> None:
    stretch = start(room)
    agent = begin(room)
    assert agent.commands == []
    for _ in range(3):
        for _ in range(9):
            commands = agent.beat(after_seconds=60)
            assert [c["type"] for c in commands] in ([], ["resume"])
        stretch = attest(room, stretch)


def test_a_second_counts_between_two_words_and_not_after_the_last(room: Room) -> None:
    stretch = start(room)
    agent = begin(room)
    agent.beat(after_seconds=300)
    assert settled_seconds(room, agent.session.id, room.now_ms) == 0
    stretch = attest(room, stretch)
    agent.beat(after_seconds=200)
    assert settled_seconds(room, agent.session.id, room.now_ms) == 300
    stop(room, stretch)
    assert settled_seconds(room, agent.session.id, room.now_ms) == 500
    assert [kind for _, kind, _ in told(room)] == ["entry", "random", "exit"]


def test_who_was_not_seen_out_keeps_what_was_confirmed_and_no_more(room: Room) -> None:
    stretch = start(room)
    agent = begin(room)
    room.pass_time(seconds=300)
    stretch = attest(room, stretch)
    room.pass_time(seconds=200)
    stop(room, stretch, seen=False)
    assert settled_seconds(room, agent.session.id, room.now_ms) == 300


def test_the_time_between_two_stretches_counts_in_neither(room: Room) -> None:
    stretch = start(room)
    first = begin(room)
    room.pass_time(seconds=100)
    stop(room, stretch)
    with pytest.raises(InvalidInput, match=r"session_closed.*工作人员已结束监督"):
        first.beat(after_seconds=100)
    start(room)
    second = begin(room, token="token-2")
    assert settled_seconds(room, first.session.id, room.now_ms) == 100
    assert settled_seconds(room, second.session.id, room.now_ms) == 0


def test_staff_who_say_nothing_for_too_long_have_the_page_wait_and_then_begin_anew(room: Room) -> None:
    stretch = start(room)
    agent = begin(room)
    commands = agent.beat(after_seconds=GAP_MS // 1000)
    assert [(c["type"], c["reason"]) for c in commands] == [("pause", "supervision_awaited")]
    stretch = attest(room, stretch)
    assert [c["type"] for c in agent.beat()] == ["resume"]
    room.pass_time(seconds=(GAP_MS + WINDOW_MS) // 1000 + 1)
    with desk(room) as supervised:
        assert supervised.running(LEARNER, RUN) is None
        with pytest.raises(InvalidInput, match="supervision_lapsed"):
            supervised.attest(stretch.id, RUN, "staff_lin")
    start(room)
    with pytest.raises(InvalidInput, match=r"session_closed.*工作人员已结束监督"):
        agent.beat()


def test_a_word_covers_the_unit_that_was_left_since_the_one_before(room: Room) -> None:
    stretch = start(room)
    first = begin(room)
    first.beat(after_seconds=100)
    first.beat(ending=True, after_seconds=1)
    room.pass_time(seconds=10)
    begin(room, token="token-2")
    room.pass_time(seconds=100)
    attest(room, stretch)
    assert settled_seconds(room, first.session.id, BEGAN_MS + 101_000) == 101


def test_a_test_begins_with_their_word_and_holds_others(room: Room) -> None:
    stretch = start(room)
    begin(room, activity=Activity.TEST)
    room.pass_time(seconds=60)
    attest(room, stretch)
    assert [kind for _, kind, _ in told(room)] == ["test_start", "in_test"]


class CloserInTests(MadeRules):
    def checks(self, class_run: ClassRunId, activity: Activity) -> CheckRules:
        return replace(RULES, gap_min_ms=1, gap_max_ms=MINUTE_MS) if activity is Activity.TEST else RULES


def test_staff_are_told_to_speak_as_often_as_a_test_needs_it(room: Room) -> None:
    room.rules = CloserInTests()
    assert start(room).attest_by_ms == BEGAN_MS + GAP_MS
    begin(room, activity=Activity.TEST)
    room.pass_time(seconds=(GAP_MS + WINDOW_MS) // 1000)
    with desk(room) as supervised:
        (stretch,) = supervised.of_class_run(RUN)
    assert (stretch.attest_by_ms, stretch.lapsed) == (BEGAN_MS + MINUTE_MS, False)
    attest(room, stretch)
    begin(room, token="token-2")
    with desk(room) as supervised:
        (stretch,) = supervised.of_class_run(RUN)
    assert stretch.attest_by_ms == stretch.attested_ms + GAP_MS


def test_one_learner_is_supervised_once_at_a_time(room: Room) -> None:
    stretch = start(room)
    with pytest.raises(InvalidInput, match="supervision_running"):
        start(room)
    stop(room, stretch)
    with pytest.raises(InvalidInput, match="supervision_over"):
        attest(room, stretch)
    with desk(room) as supervised, pytest.raises(InvalidInput, match="supervision_unknown"):
        supervised.attest(stretch.id, ClassRunId("run_other"), "staff_lin")


def test_withdrawing_the_consent_to_faces_ends_face_checks_without_a_charge(known: Room) -> None:
    agent = known.begin()
    check = agent.check
    with known.open() as made:
        made.presence.withdraw(LEARNER)
    assert known.check(check).state == "declined"
    assert known.events("presence.check_decided") == []
    with pytest.raises(InvalidInput, match=r"session_closed.*请培训机构工作人员监督您学习"):
        agent.beat()


def test_who_is_supervised_goes_on_when_the_consent_to_faces_is_withdrawn(room: Room) -> None:
    start(room)
    agent = begin(room)
    with room.open() as made:
        made.presence.withdraw(LEARNER)
    assert [c["type"] for c in agent.beat()] == ["resume"]


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), max_size=8), st.integers(0, 15))
def test_what_is_settled_lies_between_words_within_their_reach(
    words: list[tuple[int, bool]], tail: int
) -> None:
    """The model that the ledger uses, on any row of words: minutes since the one before, one session."""
    moments = [0]
    for minutes, _ in words:
        moments.append(moments[-1] + minutes * MINUTE_MS)
    facts = [CheckFact(f"chk_{at}", "ses", at, at, "passed", "sst_1") for at in moments]
    wall = Interval(0, moments[-1] + tail * MINUTE_MS + 1)
    proof = prove(wall, facts, Rules(), left=False, anchors={"sst_1"})  # type: ignore[arg-type]  # only the reach is read
    assert not proof.unanchored
    for part in proof.settled:
        assert part.end <= moments[-1]
    longest = GAP_MS + WINDOW_MS
    expected = sum(min(b - a, longest) for a, b in pairwise(moments))
    assert proof.settled.total == expected
