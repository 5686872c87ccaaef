"""The operator's way: `materials.yaml` of a catalogue, and holding each kept file against its hash."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bridge.commands.catalogue import catalogue
from bridge.commands.materials import enter_materials, take_in_materials
from bridge.kernel.errors import InvalidInput
from bridge.registry.material_catalogue import MATERIALS, read_materials
from bridge.registry.material_model import Material
from tests.web.furnished import ORG, Furnished, furnish
from tests.web.materials import COURSE, MEDIA_UNIT, TEXT_UNIT, give_material

ENTRY = """materials:
  - course: course_demo
    unit: unit_electric
    file: lesson.md
    page_seconds: [{times}]
    entered_by: staff-lin
"""


@pytest.fixture
def house(tmp_path: Path) -> Furnished:
    return furnish(tmp_path / "house")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "catalogue"
    made.mkdir()
    (made / "lesson.md").write_text("一\n---\n二\n", encoding="utf-8")
    return made


@pytest.fixture
def load(house: Furnished, folder: Path) -> Callable[[str], int]:
    def load_text(text: str) -> int:
        (folder / MATERIALS).write_text(text, encoding="utf-8")
        taken = take_in_materials(house.house, folder)
        with house.house.uow.for_institution(ORG) as tx:
            return enter_materials(house.house, tx, taken)

    return load_text


def found(house: Furnished, unit: Any = TEXT_UNIT) -> Material:
    with house.house.uow.for_institution(ORG, read_only=True) as tx:
        material = house.house.at(tx).materials.find(COURSE, unit)
    assert material is not None
    return material


def test_the_demonstrations_materials_are_loaded_and_reviewed_by_two(house: Furnished) -> None:
    text, pdf = found(house), found(house, MEDIA_UNIT)

    assert (text.kind.value, len(text.pages), sum(page.nominal_ms for page in text.pages)) == (
        "text",
        5,
        3_000_000,
    )
    assert (pdf.kind.value, len(pdf.pages), sum(page.nominal_ms for page in pdf.pages)) == (
        "pdf",
        5,
        3_000_000,
    )
    for material in (text, pdf):
        assert material.reviewed_by not in (None, material.entered_by)


def test_a_second_load_changes_nothing_and_counts_nothing(
    house: Furnished, load: Callable[[str], int]
) -> None:
    give_material(house.house, TEXT_UNIT, b"waits\n", reviewed=False)
    text = ENTRY.format(times="25, 35") + "    reviewed_by: staff-zhou\n"
    assert load(text) == 1
    first = found(house)
    assert [page.nominal_ms for page in first.pages] == [25_000, 35_000]

    assert load(text) == 0
    assert found(house) == first


def test_without_a_reviewer_it_waits_and_staffs_times_outlive_the_next_load(
    house: Furnished, load: Callable[[str], int]
) -> None:
    give_material(house.house, TEXT_UNIT, b"waits\n", reviewed=False)
    text = ENTRY.replace("    page_seconds: [{times}]\n", "")
    assert load(text) == 0
    assert found(house).reviewed_by is None
    with house.house.uow.for_institution(ORG) as tx:
        house.house.at(tx).materials.set_times(
            COURSE, TEXT_UNIT, found(house).version, [10_000, 50_000], "staff_x"
        )

    load(text)

    assert [page.nominal_ms for page in found(house).pages] == [10_000, 50_000]


def test_another_file_for_a_reviewed_unit_is_refused(house: Furnished, load: Callable[[str], int]) -> None:
    with pytest.raises(InvalidInput, match="material_stands"):
        load(ENTRY.format(times="1000, 2000"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ENTRY.format(times="1, 2"), "material_pages_sum"),
        (ENTRY.format(times="30, 30").replace("staff-lin", "staff-ping"), "staff_unknown"),
        (ENTRY.format(times="30, 30").replace("unit_electric", "unit_nobody"), "course_unit_unknown"),
        (ENTRY.format(times="30, 30").replace("unit_electric", "test_final"), "material_for_test"),
        (ENTRY.format(times="30, 30") + "    reviewed_by: staff-lin\n", "second_person_required"),
        (
            ENTRY.format(times="30, 30").replace("lesson.md", "../house/var/bridge/keys/master.key"),
            "material_file",
        ),
        (ENTRY.format(times="30, 30").replace("lesson.md", "/etc/passwd"), "material_file"),
        (ENTRY.format(times="30, 30").replace("lesson.md", "link.md"), "material_file"),
        (ENTRY.format(times="30, 30").replace("lesson.md", "nothing.md"), "material_file"),
        (ENTRY.format(times="half"), "catalogue_field_invalid"),
        (ENTRY.format(times="30, 30") + "    nobody: x\n", "catalogue_field_invalid"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(
    house: Furnished, folder: Path, load: Callable[[str], int], text: str, reason: str
) -> None:
    give_material(house.house, TEXT_UNIT, b"waits\n", reviewed=False)
    (folder / "link.md").symlink_to("/etc/hostname")
    with pytest.raises(InvalidInput, match=reason):
        load(text)


def test_a_catalogue_without_materials_has_none(folder: Path) -> None:
    assert read_materials(folder) == ()


def test_each_kept_file_is_held_against_its_hash(house: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    monkeypatch.setenv("ANXUE_VAR", str(house.house.settings.var))
    whole = CliRunner().invoke(catalogue, ["materials", "--json"])
    assert (whole.exit_code, json.loads(whole.output)["wrong"]) == (0, [])

    page = found(house, MEDIA_UNIT).pages[2].content.sha256
    path = house.house.settings.data_dir / "materials" / page[:2] / page
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    damaged = CliRunner().invoke(catalogue, ["materials", "--json"])
    assert (damaged.exit_code, json.loads(damaged.output)["wrong"]) == (1, [page])
