"""The impact assessment ended while a check was open: nobody may answer it, so nobody is charged for it."""

from tests.presence.room import Room


def late(room: Room) -> None:
    room.pass_time(seconds=61)


def told(room: Room) -> list[str]:
    return [one["outcome"] for one in room.events("presence.check_decided")]


def test_a_check_that_nobody_may_answer_ends_with_its_session_and_charges_nobody(room: Room) -> None:
    agent = room.begin()
    check = agent.check
    room.faces_stopped = True
    (command,) = agent.beat(after_seconds=61)
    assert (command["type"], command["reason"]) == ("close", "faces_stopped")
    assert "监督" in command["message"]
    assert room.check(check).state == "declined"
    assert told(room) == []


def test_the_sweep_charges_nobody_either(room: Room) -> None:
    agent = room.begin()
    room.faces_stopped = True
    late(room)
    with room.open() as desk:
        found = desk.store.check(agent.check)
        assert found is not None
        assert desk.presence.expire(found).state == "declined"
    assert told(room) == []


def test_while_faces_are_checked_who_does_not_answer_has_missed(room: Room) -> None:
    agent = room.begin()
    check = agent.check
    agent.beat(after_seconds=61)
    assert room.check(check).state == "missed"
    assert told(room) == ["missed"]
