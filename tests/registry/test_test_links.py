"""A platform's test that became the course's by itself: undone and restored by staff, all of it kept."""

import json

import pytest
from sqlalchemy import text

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, CourseUnitId
from bridge.registry.link_model import LinkKind, LinkTarget
from bridge.registry.links import TEST_LINK_CHANGED
from tests.identity.house import PLATFORM, House
from tests.registry.test_links import GATE, SECOND, links, loaded

__all__ = [
    "loaded"
]  # the fixture: a second class run, whose course has one test that no link of the LMS names

TEST = LinkTarget(LinkKind.GATE, SECOND, CourseUnitId("test_final"))


def bind(house: House, link: str = "exam") -> None:
    with links(house) as (desk, _):
        assert desk.test_for(PLATFORM, "1", link, SECOND) == TEST


def in_force(house: House) -> str:
    """Return the id of the one binding's change in force."""
    with links(house) as (desk, _):
        (binding,) = desk.test_bindings(SECOND)
        return binding.id


def refusal(house: House, link: str) -> str:
    with links(house) as (desk, _), pytest.raises(InvalidInput) as refused:
        desk.test_for(PLATFORM, "1", link, SECOND)
    return refused.value.reason


def undo(house: House, by: str = "stf_lin") -> None:
    binding = in_force(house)
    with links(house) as (desk, _):
        desk.undo_test(SECOND, binding, by=by)


def test_an_undone_test_is_nothing_any_more_and_another_may_take_its_place(loaded: House) -> None:
    bind(loaded)
    undo(loaded)

    with links(loaded) as (desk, store):
        assert desk.current(PLATFORM, "1", "exam") is None
        assert store.units_of_link(PLATFORM, "exam") == []
    assert refusal(loaded, "exam") == "test_unlinked"
    bind(loaded, "right exam")
    assert refusal(loaded, "easier exam") == "test_unlinked"


def test_all_that_was_made_of_the_link_is_kept_and_told(loaded: House) -> None:
    bind(loaded)
    undo(loaded)
    binding = in_force(loaded)
    with links(loaded) as (desk, _):
        desk.restore_test(SECOND, binding, by="stf_zhou")
    with links(loaded) as (desk, store):
        (found,) = desk.test_bindings(SECOND)
        assert [one.set_by for one in found.history] == ["only_test", "undone:stf_lin", "restored:stf_zhou"]
        assert [one.seq for one in found.history] == [1, 2, 3]
        assert not found.link.undone
        assert store.units_of_link(PLATFORM, "exam") == [("course_second", "test_final")]
        told = text("SELECT data FROM event WHERE type = :type ORDER BY id")
        data = [
            one if isinstance(one, dict) else json.loads(one)
            for one in desk._session.scalars(told, {"type": TEST_LINK_CHANGED})
        ]
    assert {(one["by"], one["undone"], one["unit"]) for one in data} == {
        ("stf_lin", True, "test_final"),
        ("stf_zhou", False, "test_final"),
    }
    assert refusal(loaded, "another exam") == "test_unlinked"


def test_a_restored_link_takes_no_place_that_is_taken(loaded: House) -> None:
    bind(loaded)
    undo(loaded)
    wrong = in_force(loaded)
    bind(loaded, "right exam")

    with links(loaded) as (desk, _), pytest.raises(InvalidInput) as refused:
        desk.restore_test(SECOND, wrong, by="stf_lin")
    assert refused.value.reason == "test_link_taken"


def test_who_acts_on_what_is_past_changes_nothing(loaded: House) -> None:
    bind(loaded)
    first = in_force(loaded)
    undo(loaded)

    for change, binding in (("undo_test", first), ("restore_test", first), ("undo_test", in_force(loaded))):
        with links(loaded) as (desk, _), pytest.raises(InvalidInput) as refused:
            getattr(desk, change)(SECOND, binding, by="stf_lin")
        assert (refused.value.reason, refused.value.http_status) == ("test_link_changed", 409)
    with links(loaded) as (desk, _):
        assert len(desk.history(PLATFORM, "1", "exam")) == 2


def test_a_teachers_own_choice_is_not_staffs_to_undo(loaded: House) -> None:
    with links(loaded) as (desk, _):
        desk.record(PLATFORM, "1", "chosen", GATE)
        (chosen,) = desk._session.scalars(text("SELECT id FROM lms_link"))
        assert desk.test_bindings(ClassRunId("run_demo")) == []
    for run, binding in ((GATE.class_run, chosen), (SECOND, chosen), (SECOND, "lnk_made_up")):
        with links(loaded) as (desk, _), pytest.raises(InvalidInput) as refused:
            desk.undo_test(run, binding, by="stf_lin")
        assert refused.value.reason == "test_link_unknown"


def test_a_teachers_choice_goes_over_what_staff_undid(loaded: House) -> None:
    bind(loaded)
    undo(loaded)

    with links(loaded) as (desk, _):
        assert desk.record(PLATFORM, "1", "exam", TEST).seq == 3
    with links(loaded) as (desk, _):
        current = desk.current(PLATFORM, "1", "exam")
        assert current is not None
        assert current.set_by == "launch"
        assert desk.test_bindings(SECOND) == []
