import json
from datetime import date

import pytest

from bridge.kernel.canonical import canonical_json
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import LearnerRef
from bridge.registry.model import ClassRunSheet, CourseUnit, PackRef
from tests.identity.house import demo_catalogue


def _sheet() -> ClassRunSheet:
    catalogue = demo_catalogue()
    return ClassRunSheet(
        institution=catalogue.institution.id,
        learner=LearnerRef("ln_1"),
        class_run=catalogue.class_runs[0],
        packs=(PackRef("guangdong-2022-3", "a" * 64), PackRef("aq-8011-2023", "b" * 64)),
        outline=catalogue.outlines[0],
        course=catalogue.courses[0],
        enrolled_on=date(2026, 11, 23),
    )


def test_a_sheet_survives_its_way_through_canonical_json() -> None:
    sheet = _sheet()
    line = canonical_json(sheet.to_json())
    again = ClassRunSheet.from_json(json.loads(line))
    assert canonical_json(again.to_json()) == line
    assert again.class_run == sheet.class_run
    assert again.outline == sheet.outline
    assert again.packs == sheet.packs
    assert again.course.units == tuple(
        CourseUnit(u.id, u.outline_unit_id, u.title, u.activity, u.nominal_ms, None)
        for u in sheet.course.units
    )


def test_unknown_fields_of_a_header_are_ignored() -> None:
    header = {**_sheet().to_json(), "later": 1}
    assert ClassRunSheet.from_json(header).learner == "ln_1"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("v",), 2),
        (("kind",), "beats"),
        (("learner",), 7),
        (("class_run", "kind"), "refresher"),
        (("class_run", "opens_on"), "2026-02-30"),
        (("class_run", "opens_on"), None),
        (("outline", "theory_class_hours"), "4"),
        (("outline", "theory_class_hours"), True),
        (("outline", "units"), None),
        (("course", "units"), [{"id": "u"}]),
        (("packs",), [["guangdong-2022-3", "a"]]),
    ],
)
def test_a_malformed_header_is_refused(path: tuple[str, ...], value: object) -> None:
    header = json.loads(json.dumps(_sheet().to_json()))
    place = header
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(InvalidInput, match="ledger_header_malformed"):
        ClassRunSheet.from_json(header)
