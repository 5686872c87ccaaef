"""One face, several people: who is searched, what a find becomes, and who is never found. On both databases."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.db.outbox import EventRow, JobRow
from bridge.kernel.ids import ClassRunId, LearnerRef
from bridge.presence.face import FaceTemplate
from bridge.presence.model import RecogniserInForce
from bridge.presence.search.model import FACE_UNDER_TWO_NAMES, SEARCH_WAITING, Near, place_of
from bridge.presence.search.store import SqlSearchStore
from tests.presence.pictures import PACK, template
from tests.presence.room import ORG, OTHER_ORG, RUN
from tests.presence.search_room import ANN, BOB, CLEO, SearchRoom

LATER = ClassRunId("run_2")


@pytest.fixture
def room(database_url: str) -> Iterator[SearchRoom]:
    built = SearchRoom(database_url)
    yield built
    built.close()


def test_one_face_under_two_names_is_put_before_staff_with_score_threshold_and_model(
    room: SearchRoom,
) -> None:
    assert room.enrol(ANN, 0) == []

    (found,) = room.enrol(BOB, 30)

    assert (found.learner, found.class_run, found.other, found.other_class_run) == (BOB, RUN, ANN, RUN)
    assert found.score == pytest.approx(math.cos(math.radians(30)), abs=1e-5)
    assert (found.threshold, found.pack_id) == (PACK.thresholds.same_person, PACK.id)
    assert found.model_id == PACK.model("recogniser").id
    (event,) = room.rows(EventRow, FACE_UNDER_TWO_NAMES)
    assert event.data == {
        "likeness": found.id,
        "learner": BOB,
        "class_run": RUN,
        "other": ANN,
        "other_class_run": RUN,
        "at": "2026-11-23T02:00:00.000Z",
    }


def test_who_looks_otherwise_is_not_found(room: SearchRoom) -> None:
    room.enrol(ANN, 0)

    assert room.enrol(BOB, 90) == []
    assert room.enrol(CLEO, -57) == []  # 0.545, a little under the pack's 0.55
    assert room.rows(EventRow, FACE_UNDER_TWO_NAMES) == []


def test_a_person_is_not_found_like_themself_in_another_class_run(room: SearchRoom) -> None:
    for number in range(12):
        room.enrol(ANN, 0, class_run=ClassRunId(f"run_{number}"))

    (found,) = room.enrol(BOB, 20)

    assert found.other == ANN
    assert [each.learner for each in room.search(ANN)] == [BOB]


def test_two_people_are_put_before_staff_once_however_often_they_are_found(room: SearchRoom) -> None:
    room.enrol(ANN, 0)
    room.enrol(BOB, 20)

    room.search(BOB)
    room.search(ANN)
    room.enrol(BOB, 20, class_run=LATER)

    assert len(room.rows(EventRow, FACE_UNDER_TWO_NAMES)) == 1


def test_of_another_institution_nobody_is_found(room: SearchRoom) -> None:
    room.enrol(ANN, 0)

    assert room.enrol(BOB, 0, institution=OTHER_ORG) == []
    assert (room.kept(ORG), room.kept(OTHER_ORG)) == (1, 1)


@pytest.mark.parametrize("who", [ANN, BOB])
def test_without_the_consent_of_both_there_is_no_search(room: SearchRoom, who: str) -> None:
    room.permission.withdrawn = {ANN if who == ANN else BOB}
    room.enrol(ANN, 0)

    assert room.enrol(BOB, 0) == []
    assert room.kept() == 1


@pytest.mark.parametrize("unassessed", [RUN, LATER])
def test_without_an_assessment_of_both_class_runs_there_is_no_search(
    room: SearchRoom, unassessed: ClassRunId
) -> None:
    room.permission.unassessed = {unassessed}
    room.enrol(ANN, 0)

    assert room.enrol(BOB, 0, class_run=LATER) == []


def test_a_pack_without_a_threshold_searches_for_nobody(room: SearchRoom) -> None:
    room.without_threshold()
    room.enrol(ANN, 0)

    assert room.enrol(BOB, 0) == []
    assert room.kept() == 0


@pytest.fixture
def alike(room: SearchRoom) -> SearchRoom:
    """A room in which one face is entered for two people and nobody has looked yet."""
    for who in (ANN, BOB):
        room.register(who, 0)
        with room.open() as search:
            assert search.enter(who, RUN) is not None
    return room


def record(room: SearchRoom, *names: str) -> list[LearnerRef]:
    """Write down what was found like Bob's; return whom it was written down of."""
    with room.open() as search:
        return [one.other for one in search.record(BOB, RUN, [Near(name, 0.99) for name in names])]


def test_what_was_found_is_written_down(alike: SearchRoom) -> None:
    assert record(alike, place_of(ANN, RUN)) == [ANN]


@pytest.mark.parametrize("who", [ANN, BOB])
def test_who_takes_the_consent_back_between_search_and_record_is_not_written_down(
    alike: SearchRoom, who: LearnerRef
) -> None:
    alike.permission.withdrawn = {who}

    assert record(alike, place_of(ANN, RUN)) == []


def test_what_another_recogniser_made_is_not_written_down(alike: SearchRoom) -> None:
    old = RecogniserInForce("an-older-one", "b" * 64)
    with alike.uow.for_institution(ORG) as tx:
        store = SqlSearchStore(tx)
        entry = store.entry(ANN, RUN)
        assert entry is not None
        assert entry.template is not None
        store.enter(ANN, RUN, entry.template, old)

    assert record(alike, place_of(ANN, RUN)) == []


def test_a_person_is_not_written_down_as_like_themself(alike: SearchRoom) -> None:
    alike.register(BOB, 0, class_run=LATER)
    with alike.open() as search:
        search.enter(BOB, LATER)

    assert record(alike, place_of(BOB, LATER), place_of(BOB, RUN)) == []


def test_who_may_not_be_searched_is_not_entered(room: SearchRoom) -> None:
    room.register(ANN, 0)
    room.permission.withdrawn = {ANN}

    with room.open() as search:
        assert search.enter(ANN, RUN) is None
        assert search.last_change() == 0


def test_a_persons_own_references_do_not_hide_another_person(room: SearchRoom) -> None:
    for number in range(12):
        room.enrol(ANN, 0, class_run=ClassRunId(f"run_{number}"))
    room.enrol(BOB, 20)

    near = room.face_indexes.search(ORG, ANN, template(0), 0.55)

    assert [each.name for each in near] == [place_of(BOB, RUN)]


def test_whose_key_was_destroyed_is_not_written_down(room: SearchRoom) -> None:
    room.enrol(ANN, 0)

    room.destroy(ANN)

    assert room.enrol(BOB, 0) == []


def test_the_exact_score_decides_not_that_of_the_index(room: SearchRoom) -> None:
    room.enrol(ANN, 0)
    room.enrol(BOB, 90)

    with room.open() as search:
        assert search.record(BOB, RUN, [Near(place_of(ANN, RUN), 0.99)]) == []


def test_a_reference_of_another_recogniser_is_neither_searched_nor_found(room: SearchRoom) -> None:
    old = FaceTemplate(template(0).vector, "an-older-one", "b" * 64)
    room.register(ANN, 0, made=old)
    assert room.search(ANN) == []

    assert room.enrol(BOB, 0) == []
    assert room.kept() == 1


def test_who_registers_anew_with_the_recogniser_in_force_is_found_again(room: SearchRoom) -> None:
    room.register(ANN, 0, made=FaceTemplate(template(0).vector, "an-older-one", "b" * 64))
    room.search(ANN)
    room.enrol(BOB, 0)

    (found,) = room.enrol(ANN, 10)

    assert found.other == BOB


def test_of_two_who_register_one_face_at_the_same_time_one_finds_the_other(room: SearchRoom) -> None:
    room.register(ANN, 0)
    room.register(BOB, 0)

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(room.search, (ANN, BOB)))

    assert len(room.rows(EventRow, FACE_UNDER_TWO_NAMES)) == 1


def test_keeping_a_reference_asks_for_its_search(room: SearchRoom) -> None:
    room.register(ANN, 0)

    assert [job.key for job in room.rows(JobRow, SEARCH_WAITING)] == [place_of(ANN, RUN)]


def test_a_consent_that_comes_later_has_every_reference_searched(room: SearchRoom) -> None:
    for class_run in (RUN, LATER):
        room.register(ANN, 0, class_run=class_run)
    wanted = {job.key: job.wanted for job in room.rows(JobRow, SEARCH_WAITING)}

    with room.open() as search:
        search.ask(ANN)

    asked = {job.key: job.wanted for job in room.rows(JobRow, SEARCH_WAITING)}
    assert asked == {key: times + 1 for key, times in wanted.items()}
    assert set(asked) == {place_of(ANN, RUN), place_of(ANN, LATER)}


def test_who_consents_again_is_heard_of_by_an_index_that_left_them_out(room: SearchRoom) -> None:
    """An entry stays when a new text of the consent is in force; an index that is made then leaves it out."""
    room.enrol(ANN, 0)
    room.permission.withdrawn = {ANN}
    made_then = room.another_process()
    made_then.catch_up(ORG)
    assert made_then.sizes()[ORG][0] == 0

    room.permission.withdrawn = set()
    room.search(ANN)
    made_then.catch_up(ORG)

    assert made_then.sizes()[ORG][0] == 1
