"""`materials.yaml` of a catalogue: which file is the material of which unit, and which two people stand for it.

The file is optional. Without `reviewed_by` the material waits for a second person on the institution's page.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import CourseId, CourseUnitId
from bridge.registry.catalogue_files import Key, Login
from bridge.registry.yaml_files import read_yaml

MATERIALS = "materials.yaml"
_PLAIN_STEP = re.compile(r"[a-z_]{1,40}|[0-9]+")


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class MaterialShape(_Shape):
    """One of `materials:`; `page_seconds` share the unit's nominal time out over the pages (basis: practice)."""

    course: Key
    unit: Key
    file: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    page_seconds: Annotated[list[Annotated[int, Field(ge=1, le=86_400)]], Field(max_length=300)] | None = None
    entered_by: Login
    reviewed_by: Login | None = None


class MaterialsFile(_Shape):
    """materials.yaml."""

    materials: list[MaterialShape]


@dataclass(frozen=True, slots=True)
class MaterialEntry:
    """One material as the file names it; `path` lies in the catalogue's folder and is there.

    Args:
        entered_by, reviewed_by: logins of the institution's staff, two different ones.
    """

    course: CourseId
    unit: CourseUnitId
    path: Path
    times_ms: tuple[int, ...] | None
    entered_by: str
    reviewed_by: str | None


def read_materials(folder: Path) -> tuple[MaterialEntry, ...]:
    """Return what `materials.yaml` names; nothing where there is no such file.

    Raises:
        InvalidInput: those of `read_yaml`; catalogue_field_invalid; material_file (not in the folder, or not there);
            second_person_required.
    """
    if not (folder / MATERIALS).exists():
        return ()
    try:
        read = MaterialsFile.model_validate(read_yaml(folder / MATERIALS))
    except ValidationError as error:
        steps = (str(step) for step in error.errors(include_input=False)[0]["loc"])
        # A key that is no word of ours may be somebody's name: it is not repeated.
        field = ".".join(step if _PLAIN_STEP.fullmatch(step) else "?" for step in steps)
        raise InvalidInput("catalogue_field_invalid", f"{MATERIALS} 的 {field} 缺失或不符合要求。") from error
    return tuple(_entry(folder, index, one) for index, one in enumerate(read.materials))


def _entry(folder: Path, index: int, one: MaterialShape) -> MaterialEntry:
    path = (folder / one.file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise InvalidInput(
            "material_file", f"{MATERIALS} 的 materials.{index}.file:文件不在这个目录中,请核对路径。"
        )
    if one.entered_by == one.reviewed_by:
        raise InvalidInput(
            "second_person_required",
            f"{MATERIALS} 的 materials.{index}.reviewed_by:课件须由另一名工作人员审核。",
        )
    return MaterialEntry(
        CourseId(one.course),
        CourseUnitId(one.unit),
        path,
        None if one.page_seconds is None else tuple(second * 1000 for second in one.page_seconds),
        one.entered_by,
        one.reviewed_by,
    )
