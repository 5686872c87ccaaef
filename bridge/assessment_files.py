"""Impact assessments of a catalogue folder (impact_assessments.yaml), loaded once for each version."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bridge.intake.contact import without_contact_text
from bridge.kernel.errors import InvalidInput
from bridge.registry.assessments import AssessmentForm
from bridge.registry.yaml_files import read_yaml

if TYPE_CHECKING:
    from bridge.wiring import Stations

FILE = "impact_assessments.yaml"
OPERATOR = "operator"
"""Who recorded what came by a command."""
_RELATIVE = re.compile(r"today([+-][0-9]{1,4})d|today")
_Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class AssessmentShape(_Shape):
    """One of `impact_assessments:`; see `registry.assessment_model.ImpactAssessment`."""

    purpose: Literal["face", "face_search"]
    class_run: Annotated[str, StringConstraints(max_length=40)] = ""
    version: _Text
    assessed_on: date | Annotated[str, Field(max_length=20)]
    until: date | Annotated[str, Field(max_length=20)]
    assessed_by: _Text
    result: Literal["acceptable", "with_measures", "refused"]
    necessity: _Text
    risks: _Text
    measures: _Text
    report_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None


class AssessmentsFile(_Shape):
    """impact_assessments.yaml."""

    impact_assessments: list[AssessmentShape] = Field(min_length=1, max_length=100)


def read_assessments(path: Path, today: date) -> list[AssessmentForm]:
    """Return what the file says, "today-1d" counted from `today`.

    Raises:
        InvalidInput: catalogue_field_invalid, contact_in_text; as `read_yaml`.
    """
    try:
        shapes = AssessmentsFile.model_validate(read_yaml(path)).impact_assessments
    except ValidationError as error:
        place = ".".join(str(step) for step in error.errors()[0]["loc"])[:80]
        raise InvalidInput("catalogue_field_invalid", f"{path.name} 的 {place}:缺少或格式不对。") from None
    return [
        without_contact(
            AssessmentForm(
                purpose=one.purpose,
                class_run=one.class_run,
                version=one.version,
                assessed_on=_day(one.assessed_on, today, path.name),
                until=_day(one.until, today, path.name),
                assessed_by=one.assessed_by,
                result=one.result,
                necessity=one.necessity,
                risks=one.risks,
                measures=one.measures,
                report_sha256=one.report_sha256 or "",
            )
        )
        for one in shapes
    ]


def without_contact(form: AssessmentForm) -> AssessmentForm:
    """Return the form; InvalidInput("contact_in_text") if a text of it holds a telephone number and the like."""
    texts = (form.version, form.assessed_by, form.necessity, form.risks, form.measures)
    if any(without_contact_text(text) != text for text in texts):
        raise InvalidInput("contact_in_text", "评估记录中不能写电话、微信、邮箱等联系方式,请删去后再登记。")
    return form


def assess_from(stations: "Stations", folder: Path, today: date) -> int:
    """Record the folder's assessments that are not recorded yet; return how many. No file is no assessment."""
    path = folder / FILE
    if not path.exists():
        return 0
    new = [
        form
        for form in read_assessments(path, today)
        if not stations.assessments.has_version(form.purpose, form.class_run, form.version)
    ]
    for form in new:
        stations.assessments.add(form, OPERATOR)
    return len(new)


def _day(value: date | str, today: date, name: str) -> date:
    if isinstance(value, date):
        return value
    relative = _RELATIVE.fullmatch(value)
    try:
        return today + timedelta(days=int(relative[1] or 0)) if relative else date.fromisoformat(value)
    except ValueError as error:
        raise InvalidInput(
            "catalogue_field_invalid", f"{name}:日期应写作 2026-11-01 或 today+60d。"
        ) from error
