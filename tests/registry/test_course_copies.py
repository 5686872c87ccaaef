"""Copied LMS courses on both databases: noted once, gone once somebody says which class run they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId
from bridge.registry.contact_store import course_reference
from bridge.registry.course_copies import CourseCopies
from bridge.registry.links import LmsLinks
from bridge.registry.store import SqlRegistryStore
from tests.identity.house import ORG, PLATFORM, RUN, House, demo_catalogue


@pytest.fixture
def loaded(house: House) -> House:
    with house.desk() as desk:
        desk.load(demo_catalogue())
    return house


@contextmanager
def copies(house: House) -> Iterator[CourseCopies]:
    with house.desk(ORG) as desk:
        yield CourseCopies(desk.tx, house.cipher)


def copied(house: House, context: str = "course-copy", *runs: str | None) -> dict[str, Any]:
    """Return what intake tells of a copy of the courses of `runs`; by default of the class run's."""
    made = course_reference(house.cipher, ORG, PLATFORM, context)
    return {
        "registration": PLATFORM,
        "happened_at": "2026-11-22T08:00:00Z",
        "context": {"context": made, "class_run": None},
        "origin_contexts": [{"context": "blind_origin", "class_run": run} for run in runs or (RUN,)],
        "message": "msg_1",
    }


def test_a_copy_waits_until_its_course_is_linked_to_a_class_run(loaded: House) -> None:
    with copies(loaded) as desk:
        desk.note(copied(loaded))
        desk.note({**copied(loaded), "message": "msg_2"})
        desk.note(copied(loaded, "course-other"))
        assert [one.class_run for one in desk.waiting()] == [RUN, RUN]
        assert desk.waiting(class_run=ClassRunId("run_elsewhere")) == []

    with loaded.desk(ORG) as desk:
        links = LmsLinks(desk.tx, SqlRegistryStore(desk.tx, loaded.cipher))
        links.link_context(PLATFORM, "course-copy", RUN, by="acc_teacher")

    with copies(loaded) as desk:
        (left,) = desk.waiting(class_run=RUN, registration=PLATFORM)
        assert left.class_run_title == demo_catalogue().class_runs[0].title


def test_a_copy_of_a_course_that_is_no_class_runs_is_not_noted(loaded: House) -> None:
    with copies(loaded) as desk:
        desk.note(copied(loaded, "course-copy", None))
        desk.note({**copied(loaded), "context": None})
        assert desk.waiting() == []


def test_a_copy_that_is_set_aside_is_kept_with_who_said_so(loaded: House) -> None:
    with copies(loaded) as desk:
        desk.note(copied(loaded))
        (one,) = desk.waiting()
    for by in ("stf_first", "stf_second"):
        with copies(loaded) as desk:
            desk.set_aside(one.id, RUN, by=by)
            assert desk.waiting() == []
    with loaded.desk(ORG) as desk:
        kept = desk.tx.session.connection().exec_driver_sql("SELECT set_aside_by FROM lms_course_copy")
        assert kept.all() == [("stf_first",)]


def test_a_copy_is_set_aside_in_its_own_class_run_alone(loaded: House) -> None:
    with copies(loaded) as desk:
        desk.note(copied(loaded))
        (one,) = desk.waiting()
        with pytest.raises(InvalidInput) as refused:
            desk.set_aside(one.id, ClassRunId("run_elsewhere"), by="stf_first")
    assert refused.value.reason == "course_copy_unknown"
