"""Staff see the person with the card: whose frames, how many, how long, and by how many people it anchors."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.kernel.errors import BridgeError
from bridge.presence.card_checks import CardCheck, CardChecks, CardCheckState
from tests.presence.pictures import picture
from tests.presence.room import LEARNER, ORG, OTHER_ORG, RUN, Room

LIN, WANG = "stf_lin", "stf_wang"


class Counter:
    """A staff member at the counter with the learner, and what the bridge answers there."""

    def __init__(self, room: Room, *, two_people: bool = False) -> None:
        self.room = room
        self.two_people = two_people
        self.place = self.ask(lambda checks: checks.add_place("一楼前台", by=LIN)).id
        self.check, self.nonce = self.begin()

    def ask(self, what: Callable[[CardChecks], Any], institution: Any = ORG) -> Any:
        with self.room.open(institution) as desk:
            room = self.room
            return what(
                CardChecks(desk.tx, desk.store, desk.frames, room.clock, room.study_clock, room.recogniser)
            )

    def begin(self) -> tuple[CardCheck, str]:
        found: tuple[CardCheck, str] = self.ask(
            lambda checks: checks.open(
                LEARNER,
                RUN,
                place_id=self.place,
                document="passport" if self.two_people else "resident_card",
                two_people=self.two_people,
                by=LIN,
            )
        )
        return found

    def show(self, says: str | bytes, *, by: str = LIN, nonce: str | None = None) -> CardCheck:
        jpeg = picture(says) if isinstance(says, str) else says
        self.nonce = self.ask(lambda checks: checks.submit(self.check.id, nonce or self.nonce, jpeg, by=by))
        with self.room.open() as desk:
            waiting = [one.id for one in desk.store.frames_of(LEARNER, RUN) if one.verdict is None]
        for frame in waiting:
            self.room.judge(frame)
        return self.look()

    def look(self) -> CardCheck:
        found: CardCheck = self.ask(lambda checks: checks.look(self.check.id))
        return found


@pytest.fixture
def captured(room: Room) -> Room:
    """A learner without an ID photo on the list, whose face is registered and nobody's yet."""
    for _ in range(3):
        room.register(picture("0"))
    return room


@pytest.fixture
def room(database_url: str) -> Iterator[Room]:
    """Presence on both databases: these tables are new."""
    built = Room(database_url)
    yield built
    built.close()


def anchored_ms(room: Room) -> int | None:
    with room.open() as desk:
        found = desk.store.reference(LEARNER, RUN)
    assert found is not None
    return found.anchored_ms


def refusal(what: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(BridgeError) as refused:
        what()
    return refused.value.reason, refused.value.http_status


def test_two_frames_of_the_person_anchor_and_the_ledger_hears_by_whom_where_and_of_which_reference(
    captured: Room,
) -> None:
    counter = Counter(captured)
    assert counter.show("0").state is CardCheckState.OPEN
    assert anchored_ms(captured) is None
    done = counter.show("0")
    assert (done.state, done.matched) == (CardCheckState.ANCHORED, 2)
    (told,) = captured.events("presence.anchored")
    with captured.open() as desk:
        reference = desk.store.reference(LEARNER, RUN)
    assert reference is not None
    assert told == {
        "learner": LEARNER,
        "class_run": RUN,
        "reference": reference.id,
        "at_ms": captured.now_ms,
        "method": "staff_card_check",
        "good_frames": 3,
        "seen_by": [LIN],
        "place": "一楼前台",
        "card_check": done.id,
    }


@pytest.mark.parametrize("says", ["90", "spoof"])
def test_two_frames_of_somebody_else_or_of_a_picture_end_it_for_good(captured: Room, says: str) -> None:
    counter = Counter(captured)
    counter.show("0")
    counter.show(says)
    assert counter.show(says).state is CardCheckState.FAILED
    assert refusal(lambda: counter.show("0")) == ("card_check_closed", 409)
    assert anchored_ms(captured) is None
    assert captured.events("presence.anchored") == []


def test_frames_that_show_nothing_anchor_nobody_and_end_it_after_eight(captured: Room) -> None:
    counter = Counter(captured)
    states = [counter.show("none").state for _ in range(8)]
    assert states == [CardCheckState.OPEN] * 7 + [CardCheckState.FAILED]
    assert anchored_ms(captured) is None


def test_a_frame_that_was_seen_before_is_not_taken_again(captured: Room) -> None:
    jpeg = picture("0")
    captured.register(jpeg)
    counter = Counter(captured)
    assert refusal(lambda: counter.show(jpeg)) == ("frame_repeated", 409)
    fresh = picture("0")
    counter.show(fresh)
    assert refusal(lambda: counter.show(fresh)) == ("frame_repeated", 409)
    assert anchored_ms(captured) is None


def test_each_frame_needs_the_nonce_of_its_own(captured: Room) -> None:
    counter = Counter(captured)
    first = counter.nonce
    counter.show("0")
    assert refusal(lambda: counter.show("0", nonce=first)) == ("nonce_mismatch", 403)
    assert refusal(lambda: counter.show("0", nonce="0" * 32)) == ("nonce_mismatch", 403)
    assert counter.look().matched == 1


def test_only_who_began_takes_the_frames(captured: Room) -> None:
    counter = Counter(captured)
    assert refusal(lambda: counter.show("0", by=WANG)) == ("other_account", 403)


def test_a_passport_needs_a_second_person(captured: Room) -> None:
    counter = Counter(captured, two_people=True)
    counter.show("0")
    assert counter.show("0").state is CardCheckState.SEEN
    assert anchored_ms(captured) is None
    assert refusal(lambda: counter.ask(lambda checks: checks.confirm(counter.check.id, by=LIN))) == (
        "second_person_required",
        403,
    )
    done = counter.ask(lambda checks: checks.confirm(counter.check.id, by=WANG))
    assert (done.state, done.confirmed_by) == (CardCheckState.ANCHORED, WANG)
    (told,) = captured.events("presence.anchored")
    assert told["seen_by"] == [LIN, WANG]
    again = counter.ask(lambda checks: checks.confirm(counter.check.id, by=WANG))
    assert again == done
    assert len(captured.events("presence.anchored")) == 1


def test_nobody_confirms_what_was_not_seen_or_needs_no_second(captured: Room) -> None:
    counter = Counter(captured, two_people=True)
    assert refusal(lambda: counter.ask(lambda checks: checks.confirm(counter.check.id, by=WANG))) == (
        "card_check_closed",
        409,
    )


def test_it_ends_after_ten_minutes(captured: Room) -> None:
    counter = Counter(captured)
    counter.show("0")
    captured.pass_time(minutes=10, seconds=1)
    assert refusal(lambda: counter.show("0")) == ("card_check_closed", 409)
    assert counter.look().state is CardCheckState.EXPIRED
    assert anchored_ms(captured) is None


def test_a_face_registered_anew_meanwhile_is_not_anchored_by_what_was_seen(captured: Room) -> None:
    counter = Counter(captured)
    counter.show("0")
    with captured.open() as desk:
        desk.store.forget_references(LEARNER)
    captured.register(picture("90"))
    assert counter.look().state is CardCheckState.GIVEN_UP
    assert anchored_ms(captured) is None


def test_beginning_again_gives_up_what_was_open(captured: Room) -> None:
    counter = Counter(captured)
    first = counter.check
    counter.show("0")
    counter.check, counter.nonce = counter.begin()
    assert counter.ask(lambda checks: checks.look(first.id)).state is CardCheckState.GIVEN_UP
    assert counter.show("0").state is CardCheckState.OPEN, "frames of another check do not count"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda room, counter: None, ("already_anchored", 409)),
        (lambda room, counter: setattr(counter, "place", "ccp_unknown"), ("place_unknown", 422)),
        (lambda room, counter: counter.ask(lambda c: c.close_place(counter.place)), ("place_unknown", 422)),
        (lambda room, counter: forget(room), ("face_reference_required", 409)),
    ],
    ids=["anchored already", "no such place", "a place that was closed", "no face registered"],
)
def test_what_cannot_begin(captured: Room, spoil: Callable[..., object], expected: tuple[str, int]) -> None:
    counter = Counter(captured)
    counter.show("0"), counter.show("0")
    spoil(captured, counter)
    assert refusal(counter.begin) == expected


def forget(room: Room) -> None:
    with room.open() as desk:
        desk.store.forget_references(LEARNER)


def test_another_institution_finds_neither_check_nor_place(captured: Room) -> None:
    counter = Counter(captured)
    assert refusal(lambda: counter.ask(lambda c: c.look(counter.check.id), OTHER_ORG)) == (
        "card_check_unknown",
        404,
    )
    assert counter.ask(lambda checks: checks.places(), OTHER_ORG) == []


@pytest.mark.parametrize("title", ["", "一", "地" * 61, "前台\x00"])
def test_a_place_has_a_name(captured: Room, title: str) -> None:
    counter = Counter(captured)
    assert refusal(lambda: counter.ask(lambda c: c.add_place(title, by=LIN)))[0] == "place_malformed"
    assert refusal(lambda: counter.ask(lambda c: c.add_place("一楼 前台".replace(" ", ""), by=LIN)))[0] == (
        "place_known"
    )


def test_a_check_names_the_reference_it_was_compared_with(captured: Room) -> None:
    agent = captured.begin().pass_check()
    (told,) = captured.events("presence.check_decided")
    with captured.open() as desk:
        reference = desk.store.reference(LEARNER, RUN)
        (check,) = desk.store.checks_of_session(agent.session.id)
    assert reference is not None
    assert told["reference"] == reference.id == check.reference != ""


def test_a_frame_judged_against_a_reference_given_up_meanwhile_passes_nothing(captured: Room) -> None:
    from bridge.presence.frames import judge_material

    agent = captured.begin()
    check = captured.check(agent.check)
    frame = captured.submit(check.id, check.nonce, picture("0"))
    with captured.open() as desk:
        material = desk.frames.material(frame)
    assert material is not None
    judged = judge_material(captured.face_engine, material, lambda _photo: None, captured.means)
    assert judged.judgement.verdict == "verified"
    forget(captured)
    captured.register(picture("90"))
    with captured.open() as desk:
        desk.frames.record(frame, judged)
    assert captured.check(check.id).state == "open"
    assert captured.events("presence.check_decided") == []
