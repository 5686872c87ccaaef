import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from bridge.identity.citizen_id import check_citizen_id
from bridge.kernel.errors import InvalidInput
from bridge.registry.catalogue import read_catalogue
from bridge.registry.model import Catalogue
from bridge.registry.yaml_files import MAX_BYTES
from tests.identity.house import CHEN, CHEN_ID, DEMO, VARIABLES

TODAY = date(2026, 11, 23)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO, tmp_path / "demo"))


def _read(folder: Path) -> Catalogue:
    return read_catalogue(folder, today=TODAY, variables=VARIABLES)


def _refused(folder: Path) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        _read(folder)
    assert CHEN not in str(refused.value)
    assert CHEN_ID not in str(refused.value)
    assert str(folder) not in str(refused.value)
    return refused.value


def _replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / file).read_text("utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1), "utf-8")

    return change


def test_the_demonstration_reads_as_it_is_meant() -> None:
    catalogue = _read(DEMO)
    assert catalogue.institution.id == "org_demo"
    (run,) = catalogue.class_runs
    assert (run.opens_on, run.closes_on) == (date(2026, 11, 16), date(2027, 1, 22))
    assert catalogue.floating == {run.id}
    (outline,) = catalogue.outlines
    assert [(u.mode, u.class_hours) for u in outline.units] == [("online", 2), ("offline", 2)]
    (course,) = catalogue.courses
    assert [(u.activity, u.resource_link_id) for u in course.units] == [
        ("study", "unit-1"),
        ("study", "unit-2"),
        ("test", "quiz-1"),
    ]
    assert sum(u.nominal_ms for u in course.units if u.activity == "study") == 6_000_000
    (platform,) = catalogue.lti_registrations
    assert (platform.issuer, platform.allowed_origin) == ("http://127.0.0.1:8123", "http://127.0.0.1:8123")
    assert [(s.role, s.division_code) for s in catalogue.staff] == [
        ("institution", None),
        ("institution", None),
        ("authority", "440100"),
        ("authority", "440300"),
    ]


def test_the_demonstrations_people_have_good_numbers_that_belong_to_nobody() -> None:
    for entry in _read(DEMO).enrolment_list:
        assert check_citizen_id(entry.citizen_id, TODAY).number.startswith("440199")


def test_the_city_registration_covers_today_and_the_class_run() -> None:
    catalogue = _read(DEMO)
    (run,) = catalogue.class_runs
    assert all(
        catalogue.city_registrations[0].covers(run.division_code, d) for d in (run.opens_on, run.closes_on)
    )


def test_an_entry_does_not_print_the_person() -> None:
    assert CHEN not in repr(_read(DEMO))
    assert VARIABLES["webhook_secret"] not in repr(_read(DEMO))


def test_fixed_dates_do_not_float(folder: Path) -> None:
    _replace("class_runs.yaml", "today-7d", "2026-11-01")(folder)
    _replace("class_runs.yaml", "today+60d", '"2027-01-31"')(folder)
    catalogue = _read(folder)
    assert catalogue.floating == frozenset()
    assert catalogue.class_runs[0].opens_on == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("change", "reason", "place"),
    [
        pytest.param(_replace(file, old, new), reason, place, id=f"{place}-{reason}")
        for file, old, new, reason, place in [
            (
                "institution.yaml",
                "  name: 示例",
                "  nmae: 示例",
                "catalogue_field_missing",
                "institution.name",
            ),
            ("institution.yaml", "staff:", "colour: red\nstaff:", "catalogue_unknown_field", "colour"),
            ("institution.yaml", "MJK000001Y", "MJK000001X", "catalogue_field_invalid", "institution.uscc"),
            (
                "institution.yaml",
                "connected: true",
                "connected: 'yes'",
                "catalogue_field_invalid",
                "provincial",
            ),
            ("institution.yaml", "2027-06-30", "2025-06-30", "catalogue_field_invalid", "valid_until"),
            ("institution.yaml", "2027-06-30", "2027-13-30", "catalogue_malformed", "institution.yaml"),
            (
                "institution.yaml",
                "{lms_url}/lti/auth",
                "{other}/auth",
                "catalogue_field_invalid",
                "auth_login_url",
            ),
            (
                "institution.yaml",
                "{lms_url}/lti/jwks",
                "http://lms.example/jwks",
                "catalogue_field_invalid",
                "jwks",
            ),
            (
                "institution.yaml",
                "demo: true",
                "demo: false",
                "catalogue_field_invalid",
                "lti_registrations.0",
            ),
            ("institution.yaml", "{webhook_secret}", "short", "catalogue_field_invalid", "webhook_secret"),
            ("institution.yaml", "RS256", "HS256", "catalogue_field_invalid", "algorithm"),
            ("institution.yaml", "staff-zhou", "staff-lin", "catalogue_id_repeated", "login"),
            ("institution.yaml", '"440100"', "440100", "catalogue_field_invalid", "division_code"),
            (
                "course.yaml",
                "class_hours: 4",
                "class_hours: 5",
                "catalogue_field_invalid",
                "theory_class_hours",
            ),
            (
                "course.yaml",
                "outline_unit: part_online",
                "outline_unit: part_none",
                "catalogue_reference",
                "units.0",
            ),
            (
                "course.yaml",
                "outline_unit: part_online",
                "outline_unit: part_offline",
                "catalogue_field",
                "units.0",
            ),
            ("course.yaml", "        outline_unit: part_online\n", "", "catalogue_field_missing", "units.0"),
            ("course.yaml", "unit_fire", "unit_electric", "catalogue_id_repeated", "units.*.id"),
            ("course.yaml", "unit-2", "unit-1", "catalogue_id_repeated", "resource_link_id"),
            ("course.yaml", "3000000", "3000000.5", "catalogue_field_invalid", "nominal_ms"),
            ("course.yaml", "3000000", "-1", "catalogue_field_invalid", "nominal_ms"),
            ("class_runs.yaml", "kind: initial", "kind: refresher", "catalogue_field_invalid", "kind"),
            ("class_runs.yaml", "today+60d", "today-60d", "catalogue_field_invalid", "closes_on"),
            ("class_runs.yaml", "today+60d", "soon", "catalogue_field_invalid", "closes_on"),
            (
                "class_runs.yaml",
                "course: course_demo",
                "course: course_none",
                "catalogue_reference",
                "course",
            ),
            (
                "class_runs.yaml",
                "outline: outline_demo",
                "outline: outline_none",
                "catalogue_reference",
                "outline",
            ),
            (
                "class_runs.yaml",
                "registration: reg_demo_lms",
                "registration: reg_none",
                "catalogue_ref",
                "lti_con",
            ),
            ("enrolment_list.yaml", "run_demo", "run_none", "catalogue_reference_unknown", "class_run"),
            (
                "enrolment_list.yaml",
                f'"{CHEN_ID}"',
                CHEN_ID,
                "catalogue_field_invalid",
                "learners.0.citizen_id",
            ),
            (
                "enrolment_list.yaml",
                "    employer",
                "    phone: x\n    employer",
                "catalogue_unknown",
                "0.phone",
            ),
            (
                "enrolment_list.yaml",
                "    employer",
                f"    {CHEN}: x\n    employer",
                "catalogue_unknown",
                "learners.0.?",
            ),
            ("enrolment_list.yaml", "    employer", f"    name: {CHEN}\n    employer", "catalogue_dup", "第"),
            (
                "enrolment_list.yaml",
                "    employer",
                f"  {CHEN}: [",
                "catalogue_malformed",
                "enrolment_list.yaml",
            ),
            ("enrolment_list.yaml", f"name: {CHEN}", f"name: &a {CHEN}", "catalogue_malformed", "锚点"),
            ("enrolment_list.yaml", f"name: {CHEN}", f"name: !!str {CHEN}", "catalogue_malformed", "标签"),
            ("enrolment_list.yaml", "learners:", "---\nlearners:", "catalogue_malformed", "文档"),
            ("officials.yaml", "official-shenzhen", "Official Shenzhen", "catalogue_field_invalid", "login"),
        ]
    ],
)
def test_each_fault_is_refused_with_file_and_field(
    folder: Path, change: Callable[[Path], None], reason: str, place: str
) -> None:
    change(folder)
    refused = _refused(folder)
    assert refused.reason.startswith(reason)
    assert place in refused.message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "catalogue_malformed"),
        (b"- a\n", "catalogue_malformed"),
        (b"1: 2\n", "catalogue_malformed"),
        (b"\xff\xfe\x00", "catalogue_malformed"),
        (b"a: \x00\n", "catalogue_malformed"),
        (b"a: " + b"[" * 500 + b"]" * 500, "catalogue_malformed"),
        (b"a: &a [x]\nb: [*a, *a]\n", "catalogue_malformed"),
        (b"a: !!python/object/apply:os.system [true]\n", "catalogue_malformed"),
        (b"#" * (MAX_BYTES + 1), "catalogue_too_large"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(folder: Path, content: bytes, reason: str) -> None:
    (folder / "enrolment_list.yaml").write_bytes(content)
    assert _refused(folder).reason == reason


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "officials.yaml").unlink()
    refused = _refused(folder)
    assert refused.reason == "catalogue_file_missing"
    assert "officials.yaml" in refused.message
