"""From a folder of YAML files to a checked `Catalogue`; no database, so nothing is loaded by halves."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import ClassRunId, CourseId, CourseUnitId, InstitutionId, OutlineId, RegistrationId
from bridge.registry.catalogue_files import (
    ClassRunFile,
    ClassRunShape,
    CourseFile,
    EnrolmentFile,
    InstitutionFile,
    LtiRegistrationShape,
    OfficialsFile,
)
from bridge.registry.lti_form import page_origin
from bridge.registry.model import (
    Catalogue,
    CityRegistration,
    ClassRun,
    Course,
    CourseUnit,
    EnrolmentEntry,
    Institution,
    LtiContext,
    LtiRegistrationEntry,
    Outline,
    OutlineUnit,
    StaffEntry,
)
from bridge.registry.yaml_files import read_yaml
from lti.registration import may_be_called

INSTITUTION, COURSE, CLASS_RUNS = "institution.yaml", "course.yaml", "class_runs.yaml"
ENROLMENT_LIST, OFFICIALS = "enrolment_list.yaml", "officials.yaml"

_RELATIVE_DAY = re.compile(r"today(?:([+-][0-9]{1,4})d)?")
_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_PLAIN_STEP = re.compile(r"[a-z_]{1,40}|[0-9]+")
_MIN_SECRET = 32
_PROBLEMS = {
    "missing": ("catalogue_field_missing", "缺少这个字段"),
    "extra_forbidden": ("catalogue_unknown_field", "没有这个字段,请检查拼写"),
    "string_type": ("catalogue_field_invalid", "应为文字,数字请加引号"),
    "int_type": ("catalogue_field_invalid", "应为整数"),
    "bool_type": ("catalogue_field_invalid", "应为 true 或 false"),
    "list_type": ("catalogue_field_invalid", "应为列表"),
    "literal_error": ("catalogue_field_invalid", "不在允许的取值之内"),
    "string_pattern_mismatch": ("catalogue_field_invalid", "格式不对"),
    "string_too_long": ("catalogue_field_invalid", "太长"),
    "string_too_short": ("catalogue_field_invalid", "不能为空"),
}
_Shape = TypeVar("_Shape", bound=BaseModel)


def read_catalogue(folder: Path, *, today: date, variables: Mapping[str, str]) -> Catalogue:
    """Return what the five files of `folder` say.

    Args:
        today: the legal day that "today-7d" counts from.
        variables: what {names} in the LTI registrations stand for, e.g. lms_url, webhook_secret.

    Raises:
        InvalidInput: a reason that begins with `catalogue_`; the message names file and field, never a value.
    """
    head = _read(folder, INSTITUTION, InstitutionFile)
    teaching = _read(folder, COURSE, CourseFile)
    running = _read(folder, CLASS_RUNS, ClassRunFile)
    listed = _read(folder, ENROLMENT_LIST, EnrolmentFile)
    officials = _read(folder, OFFICIALS, OfficialsFile)
    institution_id = InstitutionId(head.institution.id)
    outlines = tuple(
        Outline(
            OutlineId(o.id),
            o.title,
            o.theory_class_hours,
            tuple(OutlineUnit(u.id, u.title, u.mode, u.class_hours) for u in o.units),
        )
        for o in teaching.outlines
    )
    courses = tuple(
        Course(
            CourseId(c.id),
            c.version,
            c.title,
            tuple(
                CourseUnit(
                    CourseUnitId(u.id), u.outline_unit, u.title, u.activity, u.nominal_ms, u.resource_link_id
                )
                for u in c.units
            ),
        )
        for c in teaching.courses
    )
    catalogue = Catalogue(
        institution=Institution(
            institution_id,
            head.institution.uscc,
            head.institution.name,
            head.institution.operator_name,
            head.institution.provincial_connected,
            head.institution.division_code,
        ),
        city_registrations=tuple(
            CityRegistration(r.division_code, r.document_number, r.valid_from, r.valid_until)
            for r in head.city_registrations
        ),
        outlines=outlines,
        courses=courses,
        class_runs=tuple(_class_run(i, run, today) for i, run in enumerate(running.class_runs)),
        floating=frozenset(
            ClassRunId(run.id)
            for run in running.class_runs
            if any(isinstance(day, str) and day.startswith("today") for day in (run.opens_on, run.closes_on))
        ),
        lti_registrations=tuple(
            _registration(i, entry, variables) for i, entry in enumerate(head.lti_registrations)
        ),
        lti_contexts=tuple(
            LtiContext(RegistrationId(c.registration), c.context_id, ClassRunId(run.id))
            for run in running.class_runs
            for c in run.lti_contexts
        ),
        enrolment_list=tuple(
            EnrolmentEntry(
                ClassRunId(listed.class_run),
                one.name,
                one.citizen_id,
                one.employer,
                one.photo,
                f"{ENROLMENT_LIST} learners.{i}",
            )
            for i, one in enumerate(listed.learners)
        ),
        staff=(
            *(StaffEntry(s.login, "institution", institution_id, None) for s in head.staff),
            *(StaffEntry(o.login, "authority", None, o.division_code) for o in officials.officials),
        ),
    )
    _check_courses(catalogue)
    _check_class_runs(catalogue, listed.class_run)
    _check_repeats(catalogue)
    return catalogue


def _read(folder: Path, name: str, shape: type[_Shape]) -> _Shape:
    try:
        return shape.model_validate(read_yaml(folder / name))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # A key that is no word of ours may be somebody's name: it is not repeated.
        steps = (str(step) for step in first["loc"])
        field = ".".join(step if _PLAIN_STEP.fullmatch(step) else "?" for step in steps)
        if first["type"] == "refused":
            raise _invalid(name, field, first["msg"]) from None
        reason, what = _PROBLEMS.get(first["type"], ("catalogue_field_invalid", "不符合要求"))
        raise _invalid(name, field, what, reason=reason) from None


def _class_run(index: int, run: ClassRunShape, today: date) -> ClassRun:
    opens_on = _day(run.opens_on, today, f"class_runs.{index}.opens_on")
    closes_on = _day(run.closes_on, today, f"class_runs.{index}.closes_on")
    if closes_on < opens_on:
        raise _invalid(CLASS_RUNS, f"class_runs.{index}.closes_on", "结束日期不能早于开班日期")
    return ClassRun(
        ClassRunId(run.id),
        run.title,
        run.kind,
        run.category,
        run.division_code,
        opens_on,
        closes_on,
        run.profile,
        OutlineId(run.outline),
        CourseId(run.course),
    )


def _day(value: str | date, today: date, field: str) -> date:
    if isinstance(value, date):
        return value
    relative = _RELATIVE_DAY.fullmatch(value)
    if relative:
        return today + timedelta(days=int(relative[1] or 0))
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise _invalid(CLASS_RUNS, field, "应为日期,如 2026-11-01 或 today+60d") from error


def _registration(
    index: int, entry: LtiRegistrationShape, variables: Mapping[str, str]
) -> LtiRegistrationEntry:
    at = f"lti_registrations.{index}"

    def fill_in(text: str, name: str) -> str:
        def value_of(match: re.Match[str]) -> str:
            if match[1] not in variables:
                raise _invalid(INSTITUTION, f"{at}.{name}", f"变量 {match[1]} 没有给出")
            return variables[match[1]]

        return _VARIABLE.sub(value_of, text)

    def fill(name: str) -> str:
        return fill_in(getattr(entry, name), name)

    urls = {name: fill(name) for name in ("auth_login_url", "auth_token_url", "jwks_url", "allowed_origin")}
    for name, url in urls.items():
        _check_address(url, f"{at}.{name}", demo=entry.demo)
    services = [fill_in(url, "service_origins") for url in entry.service_origins]
    for url in services:
        _check_address(url, f"{at}.service_origins", demo=entry.demo)
    secret = fill("webhook_secret")
    if len(secret) < _MIN_SECRET:
        raise _invalid(INSTITUTION, f"{at}.webhook_secret", f"密钥至少 {_MIN_SECRET} 个字符")
    return LtiRegistrationEntry(
        id=RegistrationId(entry.id),
        issuer=fill("issuer"),
        client_id=entry.client_id,
        auth_login_url=urls["auth_login_url"],
        auth_token_url=urls["auth_token_url"],
        jwks_url=urls["jwks_url"],
        deployment_ids=frozenset(entry.deployment_ids),
        algorithm=entry.algorithm,
        demo=entry.demo,
        private_hosts=frozenset(entry.private_hosts),
        allowed_origin=page_origin(urls["allowed_origin"]),
        webhook_secret=secret,
        name=entry.name,
        anonymous_allowed=entry.anonymous_allowed,
        token_audience=entry.token_audience,
        service_origins=frozenset(map(page_origin, services)),
    )


def _check_address(url: str, field: str, *, demo: bool) -> None:
    try:
        page_origin(url)
    except ValueError as error:
        raise _invalid(INSTITUTION, field, "应为完整的网址,主机名用英文") from error
    if not may_be_called(url, demo=demo):
        raise _invalid(INSTITUTION, field, "应为 https 地址(仅演示登记可用本机 http)")


def _check_courses(catalogue: Catalogue) -> None:
    for i, outline in enumerate(catalogue.outlines):
        if sum(unit.class_hours for unit in outline.units) != outline.theory_class_hours:
            raise _invalid(COURSE, f"outlines.{i}.theory_class_hours", "与各单元学时之和不一致")
    for i, registration in enumerate(catalogue.city_registrations):
        if registration.valid_until < registration.valid_from:
            raise _invalid(INSTITUTION, f"city_registrations.{i}.valid_until", "不能早于生效日期")


def _check_class_runs(catalogue: Catalogue, listed_run: str) -> None:
    outlines = {o.id: o for o in catalogue.outlines}
    courses = {c.id: (i, c) for i, c in enumerate(catalogue.courses)}
    platforms = {r.id for r in catalogue.lti_registrations}
    for i, run in enumerate(catalogue.class_runs):
        if run.outline_id not in outlines:
            raise _unknown(CLASS_RUNS, f"class_runs.{i}.outline")
        if run.course_id not in courses:
            raise _unknown(CLASS_RUNS, f"class_runs.{i}.course")
        at, course = courses[run.course_id]
        modes = {unit.id: unit.mode for unit in outlines[run.outline_id].units}
        for j, unit in enumerate(course.units):
            field = f"courses.{at}.units.{j}.outline_unit"
            if unit.outline_unit_id is None and unit.activity == "study":
                raise _invalid(
                    COURSE, field, "学习单元必须对应大纲的线上单元", reason="catalogue_field_missing"
                )
            if unit.outline_unit_id is not None and unit.outline_unit_id not in modes:
                raise _unknown(COURSE, field)
            if unit.outline_unit_id is not None and modes[unit.outline_unit_id] != "online":
                raise _invalid(COURSE, field, "大纲的线下单元不能放进线上课程")
    for context in catalogue.lti_contexts:
        if context.registration_id not in platforms:
            raise _unknown(CLASS_RUNS, "class_runs.*.lti_contexts.*.registration")
    if listed_run not in {run.id for run in catalogue.class_runs}:
        raise _unknown(ENROLMENT_LIST, "class_run")


def _check_repeats(catalogue: Catalogue) -> None:
    _once(COURSE, "outlines.*.id", (o.id for o in catalogue.outlines))
    _once(COURSE, "courses.*.id", (c.id for c in catalogue.courses))
    for i, outline in enumerate(catalogue.outlines):
        _once(COURSE, f"outlines.{i}.units.*.id", (u.id for u in outline.units))
    for i, course in enumerate(catalogue.courses):
        _once(COURSE, f"courses.{i}.units.*.id", (u.id for u in course.units))
        links = (u.resource_link_id for u in course.units if u.resource_link_id is not None)
        _once(COURSE, f"courses.{i}.units.*.resource_link_id", links)
    _once(CLASS_RUNS, "class_runs.*.id", (r.id for r in catalogue.class_runs))
    contexts = ((c.registration_id, c.context_id) for c in catalogue.lti_contexts)
    _once(CLASS_RUNS, "class_runs.*.lti_contexts", contexts)
    _once(INSTITUTION, "lti_registrations.*.id", (r.id for r in catalogue.lti_registrations))
    cities = ((r.division_code, r.document_number) for r in catalogue.city_registrations)
    _once(INSTITUTION, "city_registrations.*.document_number", cities)
    _once(f"{INSTITUTION}、{OFFICIALS}", "login", (s.login for s in catalogue.staff))


def _once(file: str, field: str, values: Iterable[Any]) -> None:
    if any(count > 1 for count in Counter(values).values()):
        raise _invalid(file, field, "有重复,请改成不同的值", reason="catalogue_id_repeated")


def _unknown(file: str, field: str) -> InvalidInput:
    return _invalid(file, field, "指向的编号不存在", reason="catalogue_reference_unknown")


def _invalid(file: str, field: str, what: str, *, reason: str = "catalogue_field_invalid") -> InvalidInput:
    return InvalidInput(reason, f"{file} 的 {field}:{what}。")
