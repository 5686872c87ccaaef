"""Indexes in memory follow the database: made at the start, told of every change, emptied of who left."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.kernel.errors import Unavailable
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.search.model import place_of
from bridge.wiring import face_search
from bridge.wiring.face_search import FaceIndexes, leave_search
from tests.presence.pictures import template
from tests.presence.room import ORG, OTHER_ORG, RUN
from tests.presence.search_room import ANN, BOB, CLEO, SearchRoom

LATER = ClassRunId("run_2")
NOBODY = LearnerRef("lrn_nobody")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[SearchRoom]:
    built = SearchRoom(f"sqlite:///{tmp_path / 'search.sqlite'}")
    yield built
    built.close()


def found(indexes: FaceIndexes, degrees: float = 0) -> list[str]:
    return [near.name for near in indexes.search(ORG, NOBODY, template(degrees), 0.5)]


def test_a_process_that_starts_loads_what_is_registered_in_every_institution(room: SearchRoom) -> None:
    room.enrol(ANN, 0)
    room.enrol(BOB, 40)
    room.enrol(CLEO, 0, institution=OTHER_ORG)
    fresh = room.another_process()

    fresh.load_in_background()
    fresh.wait()

    assert {each: size[0] for each, size in fresh.sizes().items()} == {ORG: 2, OTHER_ORG: 1}
    assert found(fresh) == [place_of(ANN, RUN), place_of(BOB, RUN)]


def test_loading_goes_on_over_many_units_of_work(room: SearchRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_search, "_AT_ONCE", 2)
    for number in range(7):
        room.enrol(ANN, 0, class_run=ClassRunId(f"run_{number}"))
    fresh = room.another_process()

    fresh.catch_up(ORG)

    assert fresh.sizes()[ORG][0] == 7


def test_what_another_process_entered_is_heard_of_before_the_next_search(room: SearchRoom) -> None:
    other = room.another_process()
    assert found(other) == []

    room.enrol(ANN, 0)

    assert found(other) == [place_of(ANN, RUN)]


def test_who_leaves_is_overwritten_in_this_process_once_it_is_durable(room: SearchRoom) -> None:
    room.enrol(ANN, 0)
    room.enrol(BOB, 90)

    with room.uow.for_institution(ORG) as tx:
        leave_search(room.face_indexes, ORG, tx.after_commit, room.at(tx).face_search, ANN)
        assert room.kept() == 2

    assert room.kept() == 1
    assert found(room.face_indexes) == []


def test_who_leaves_in_a_unit_of_work_that_fails_stays(room: SearchRoom) -> None:
    room.enrol(ANN, 0)

    with room.uow.for_institution(ORG) as tx:
        leave_search(room.face_indexes, ORG, tx.after_commit, room.at(tx).face_search, ANN)
        tx.session.rollback()
        tx.after_commit.clear()

    assert found(room.face_indexes) == [place_of(ANN, RUN)]


def test_who_leaves_is_overwritten_in_other_processes_at_their_next_sweep(room: SearchRoom) -> None:
    room.enrol(ANN, 0)
    other = room.another_process()
    other.catch_up(ORG)

    other.sweep()
    other.wait()
    with room.open() as search:
        search.leave(ANN)
    assert other.sizes()[ORG][0] == 1
    other.sweep()

    assert other.sizes()[ORG][0] == 0


def test_who_left_one_class_run_stays_in_the_others(room: SearchRoom) -> None:
    room.enrol(ANN, 0)
    room.enrol(ANN, 0, class_run=LATER)

    with room.open() as search:
        assert list(search.leave(ANN, RUN)) == [place_of(ANN, RUN)]

    assert found(room.face_indexes) == [place_of(ANN, LATER)]


def test_who_left_is_not_loaded_by_a_process_that_starts(room: SearchRoom) -> None:
    room.enrol(ANN, 0)
    room.enrol(BOB, 0)
    with room.open() as search:
        search.leave(ANN)
    room.destroy(BOB)
    fresh = room.another_process()

    fresh.catch_up(ORG)

    assert fresh.sizes()[ORG][0] == 0


def test_when_an_assessment_ends_the_faces_leave_memory_and_come_back_with_a_new_one(
    room: SearchRoom,
) -> None:
    room.enrol(ANN, 0)
    room.enrol(BOB, 90, class_run=LATER)

    room.face_indexes.sweep()
    room.face_indexes.wait()
    room.permission.unassessed = {RUN}
    room.face_indexes.sweep(look_at_grounds=True)
    assert room.kept() == 1
    assert found(room.face_indexes) == []

    room.permission.unassessed = set()
    room.face_indexes.sweep(look_at_grounds=True)
    assert found(room.face_indexes) == [place_of(ANN, RUN)]


def test_a_job_does_not_load_an_index_by_itself_but_waits_for_the_thread_that_does(
    room: SearchRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_search, "_WITHIN_A_JOB", 2)
    for number in range(5):
        room.enrol(ANN, 0, class_run=ClassRunId(f"run_{number}"))
    fresh = room.another_process()

    with pytest.raises(Unavailable) as later:
        found(fresh)
    assert (later.value.reason, later.value.permanent) == ("face_index_loading", False)
    fresh.wait()

    assert len(found(fresh)) == 5


def test_the_first_sweep_of_a_process_loads_in_the_background(room: SearchRoom) -> None:
    room.enrol(ANN, 0)
    fresh = room.another_process()

    fresh.sweep()
    fresh.wait()

    assert fresh.sizes()[ORG][0] == 1


def test_where_nobody_is_searched_no_thread_is_started(room: SearchRoom) -> None:
    room.face_indexes.sweep()

    assert room.face_indexes.sizes() == {}
    assert "face-index" not in {thread.name for thread in threading.enumerate()}


def test_what_is_being_loaded_ends_when_the_process_does(
    room: SearchRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_search, "_AT_ONCE", 1)
    for number in range(5):
        room.enrol(ANN, 0, class_run=ClassRunId(f"run_{number}"))
    fresh = room.another_process()
    fresh.close()

    fresh.load_in_background()
    fresh.wait()

    assert fresh.sizes()[ORG][0] == 0
