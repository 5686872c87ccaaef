"""Links in LMS courses on both databases: only what the institution has, and every change kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.ids import ClassRunId, CourseId, CourseUnitId, RegistrationId
from bridge.registry.link_model import LinkKind, LinkTarget
from bridge.registry.links import LmsLinks
from bridge.registry.model import Course
from bridge.registry.store import SqlRegistryStore
from tests.identity.house import ORG, PLATFORM, RUN, House, demo_catalogue

SECOND = ClassRunId("run_second")
ENTRY = LinkTarget(LinkKind.ENTRY, RUN)
FIRE = LinkTarget(LinkKind.UNIT, RUN, CourseUnitId("unit_fire"))
GATE = LinkTarget(LinkKind.GATE, RUN, CourseUnitId("test_final"))


@pytest.fixture
def loaded(house: House) -> House:
    """A house with a second class run, whose course has one test that no link of the LMS names."""
    catalogue = demo_catalogue()
    course = catalogue.courses[0]
    free = Course(
        CourseId("course_second"),
        "1",
        "第二门课程",
        tuple(replace(unit, resource_link_id=None) for unit in course.units),
    )
    run = replace(catalogue.class_runs[0], id=SECOND, course_id=free.id)
    made = replace(catalogue, courses=(*catalogue.courses, free), class_runs=(*catalogue.class_runs, run))
    with house.desk() as desk:
        desk.load(made)
    return house


@contextmanager
def links(house: House) -> Iterator[tuple[LmsLinks, SqlRegistryStore]]:
    with house.desk(ORG) as desk:
        store = SqlRegistryStore(desk.tx, house.cipher)
        yield LmsLinks(desk.tx, store), store


def test_a_class_run_offers_its_entry_its_units_and_a_gate_for_each_test(loaded: House) -> None:
    with links(loaded) as (desk, _):
        found = [choice.target for choice in desk.choices(RUN)]

    assert found[0] == ENTRY
    assert FIRE in found
    assert GATE in found
    assert [target.kind for target in found].count(LinkKind.GATE) == 1


@pytest.mark.parametrize(
    "target",
    [
        LinkTarget(LinkKind.ENTRY, ClassRunId("run_made_up")),
        LinkTarget(LinkKind.UNIT, RUN, CourseUnitId("unit_made_up")),
        LinkTarget(LinkKind.UNIT, RUN, CourseUnitId("test_final")),
        LinkTarget(LinkKind.GATE, RUN, CourseUnitId("unit_fire")),
    ],
)
def test_what_the_institution_does_not_have_is_not_recorded(loaded: House, target: LinkTarget) -> None:
    with links(loaded) as (desk, _), pytest.raises(InvalidInput) as refused:
        desk.record(PLATFORM, "1", "link", target)
    assert refused.value.reason == "link_target_unknown"


def test_every_change_of_a_link_is_kept_and_the_last_one_holds(loaded: House) -> None:
    for target in (ENTRY, ENTRY, FIRE, GATE):
        with links(loaded) as (desk, _):
            desk.record(PLATFORM, "1", "link", target)

    with links(loaded) as (desk, store):
        history = desk.history(PLATFORM, "1", "link")
        assert [(one.seq, one.target) for one in history] == [(1, ENTRY), (2, FIRE), (3, GATE)]
        current = desk.current(PLATFORM, "1", "link")
        assert current is not None
        assert current.target == GATE
        # What agents and webhooks ask goes by the last one too.
        assert store.units_of_link(PLATFORM, "link") == [("course_demo", "test_final")]


def test_a_teachers_choice_goes_before_what_the_course_names(loaded: House) -> None:
    with links(loaded) as (desk, store):
        assert store.units_of_link(PLATFORM, "unit-1") == [("course_demo", "unit_electric")]
        desk.record(PLATFORM, "1", "unit-1", FIRE)
        assert store.units_of_link(PLATFORM, "unit-1") == [("course_demo", "unit_fire")]


def test_the_same_link_of_two_deployments_may_be_two_things_and_is_then_refused(loaded: House) -> None:
    with links(loaded) as (desk, _):
        desk.record(PLATFORM, "1", "link", FIRE)
        desk.record(PLATFORM, "2", "link", GATE)
    with loaded.desk(ORG) as at, pytest.raises(InvalidInput) as refused:
        at.registry.unit_for(PLATFORM, "link")
    assert refused.value.reason == "resource_link_ambiguous"


def test_a_platforms_own_test_becomes_the_only_free_test_once(loaded: House) -> None:
    gate = LinkTarget(LinkKind.GATE, SECOND, CourseUnitId("test_final"))
    with links(loaded) as (desk, _):
        assert desk.test_for(PLATFORM, "1", "exam", SECOND) == gate
    with links(loaded) as (desk, _):
        current = desk.current(PLATFORM, "1", "exam")
        assert current is not None
        assert (current.target, current.set_by) == (gate, "only_test")
        with pytest.raises(InvalidInput) as refused:
            desk.test_for(PLATFORM, "1", "easier exam", SECOND)
    assert refused.value.reason == "test_unlinked"


def test_a_test_that_names_its_link_takes_no_other(loaded: House) -> None:
    with links(loaded) as (desk, _):
        assert desk.test_for(PLATFORM, "1", "quiz-1", RUN) == GATE
        with pytest.raises(InvalidInput):
            desk.test_for(PLATFORM, "1", "another", RUN)


def test_linking_a_course_is_recorded_and_changes_nobody_elses(loaded: House) -> None:
    with links(loaded) as (desk, store):
        desk.link_context(PLATFORM, "course-new", RUN, by="acc_teacher")
        desk.link_context(PLATFORM, "course-new", RUN, by="acc_other")
        (change,) = desk.context_changes(PLATFORM, "course-new")
        assert (change.class_run_id, change.changed_by) == (RUN, "acc_teacher")
        assert store.class_run_of_context(PLATFORM, "course-new") == RUN
        with pytest.raises(NotPermitted) as refused:
            desk.link_context(PLATFORM, "course-new", SECOND, by="acc_other")
        assert refused.value.reason == "context_linked"
        assert store.class_run_of_context(PLATFORM, "course-new") == RUN


def test_a_course_is_linked_to_no_class_run_that_is_not_there(loaded: House) -> None:
    with links(loaded) as (desk, _), pytest.raises(InvalidInput):
        desk.link_context(RegistrationId(PLATFORM), "course-new", ClassRunId("run_made_up"), by="acc_teacher")
