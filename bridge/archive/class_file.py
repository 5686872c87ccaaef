"""What stands in a class run's file (一期一档): the five parts of article 15, readable without this software. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from bridge.archive.learner_file import readable
from bridge.archive.missing import missing_of_class
from bridge.archive.model import INDEX, PARTS, SealedFile
from bridge.archive.ports import CourseFile, Person
from bridge.completion.model import Earned, IssuedPaper
from bridge.identity.model import number_label
from bridge.kernel.ids import CourseUnitId, LearnerRef
from bridge.kernel.time import rfc3339
from bridge.registry.model import CityRegistration, ClassRun, Course, Institution, OfflineSession, Outline
from bridge.rules.model import Resolved, RulePack


@dataclass(frozen=True, slots=True)
class LearnerOfClass:
    """One learner as the class run's file tells of them."""

    learner: LearnerRef
    enrolled_on: date
    person: Person
    earned: Earned
    test: Mapping[str, Any] | None
    papers: tuple[IssuedPaper, ...]
    sealed: SealedFile | None
    checks: Mapping[str, int]
    corrections: int


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """All that the file is made of.

    Args:
        registrations: the city's, valid on the day of opening.
        waiting_on_list: people of the enrolment list who have not proved their name.
        materials: course material that the bridge keeps, by unit.
        packs, rules: what decides the class run's hours, on the day of opening.
    """

    institution: Institution
    run: ClassRun
    outline: Outline
    course: Course
    registrations: Sequence[CityRegistration]
    learners: Sequence[LearnerOfClass]
    waiting_on_list: int
    materials: Mapping[CourseUnitId, CourseFile]
    packs: Sequence[RulePack]
    rules: Sequence[Resolved]
    sessions: Sequence[OfflineSession]
    cap_exception: str | None
    keep_until: str | None


def five_parts(facts: ClassFacts) -> dict[str, dict[str, Any]]:
    """Return the five parts of article 15, as they stand now, by the file that holds each."""
    run, outline = facts.run, facts.outline
    return {
        "1-learners.json": {
            "学员": [_learner(one) for one in facts.learners],
            "报名未实名人数": facts.waiting_on_list,
        },
        "2-courseware.json": {
            "课程": {"编号": facts.course.id, "版本": facts.course.version, "名称": facts.course.title},
            "单元": [
                {
                    "编号": unit.id,
                    "名称": unit.title,
                    "类型": unit.activity,
                    "审定时长毫秒": unit.nominal_ms,
                    "大纲单元": unit.outline_unit_id,
                    "课件": _material(facts.materials.get(unit.id)),
                }
                for unit in facts.course.units
            ],
        },
        "3-setup.json": {
            "机构": {
                "名称": facts.institution.name,
                "统一社会信用代码": facts.institution.uscc,
                "网络平台": facts.institution.operator_name,
                "已接入省级监管平台": facts.institution.provincial_connected,
            },
            "登记": [
                {
                    "地区代码": one.division_code,
                    "文号": one.document_number,
                    "有效期": [one.valid_from.isoformat(), one.valid_until.isoformat()],
                }
                for one in facts.registrations
            ],
            "班次": {
                "编号": run.id,
                "名称": run.title,
                "培训类别": run.kind,
                "学员类别": run.category,
                "地区代码": run.division_code,
                "开班": run.opens_on.isoformat(),
                "结班": run.closes_on.isoformat(),
            },
            "大纲": {
                "编号": outline.id,
                "名称": outline.title,
                "理论学时": outline.theory_class_hours,
                "单元": [
                    {"编号": u.id, "名称": u.title, "方式": u.mode, "学时": u.class_hours}
                    for u in outline.units
                ],
            },
            "线上学时上限的例外": facts.cap_exception,
        },
        "4-hour-method.json": {
            "规则方案": run.profile,
            "规则包": [
                {"编号": pack.id, "名称": pack.title_zh, "文件": pack.document, "sha256": pack.content_hash}
                for pack in facts.packs
            ],
            "规定": [
                {
                    "参数": one.parameter.name,
                    "内容": one.parameter.text_zh,
                    "依据": str(one.parameter.citation),
                    "性质": one.parameter.citation.basis.value,
                }
                for one in facts.rules
            ],
            "说明": "认定时长由服务器时钟、在场核验和审定课件时长共同确定,逐条记入哈希相接的学时账本,可离线重算。",
        },
        "5-other.json": {
            "线下培训": [
                {
                    "大纲单元": one.outline_unit_id,
                    "学时": one.class_hours,
                    "开始": rfc3339(one.starts_at),
                    "结束": rfc3339(one.ends_at),
                    "地点": one.place,
                    "教师编号": one.teacher,
                    "签到表sha256": one.sheet_sha256,
                    "到课人数": len(one.learners),
                    "登记人": one.entered_by,
                    "确认人": one.confirmed_by,
                }
                for one in facts.sessions
            ],
            "证明文件": [
                {
                    "编号": paper.number,
                    "种类": paper.kind.value,
                    "学员编号": paper.learner,
                    "出具时间": rfc3339(paper.issued_at),
                    "状态": paper.status,
                    "sha256": paper.sha256,
                }
                for one in facts.learners
                for paper in one.papers
            ],
            "学员档案": [
                {"学员编号": one.learner, "版次": one.sealed.revision, "sha256": one.sealed.bag_sha256}
                for one in facts.learners
                if one.sealed is not None
            ],
            "人脸核验": {one.learner: dict(sorted(one.checks.items())) for one in facts.learners},
            "台账更正": {one.learner: one.corrections for one in facts.learners if one.corrections},
            "保存至": facts.keep_until,
        },
    }


def class_payload(facts: ClassFacts) -> dict[str, bytes]:
    """Return the files of a class run's file by their path under data/; the same facts give the same bytes."""
    parts = five_parts(facts)
    index = {
        "格式": "anxue-class-file",
        "版本": 1,
        "说明": "班次培训档案(一期一档)。每名学员的电子档案(一人一档)另存,本档案列有其 SHA-256 值。",
        "机构": facts.institution.id,
        "班次": facts.run.id,
        "项目": {name: PARTS[name] for name in parts},
        "缺少的内容": [one.to_json() for one in missing_of_class(parts)],
    }
    return {**{name: readable(part) for name, part in parts.items()}, INDEX: readable(index)}


def _learner(one: LearnerOfClass) -> dict[str, Any]:
    return {
        "学员编号": one.learner,
        "姓名": one.person.name,
        "证件种类": number_label(one.person.citizen_id),
        "证件号码": one.person.citizen_id,
        "工作单位": one.person.employer or None,
        "入班日期": one.enrolled_on.isoformat(),
        "网络学时": one.earned.online_class_hours,
        "线下学时": one.earned.offline_class_hours,
        "测试": None if one.test is None else f"{one.test['score']}/{one.test['maximum']}",
        "网络部分完成": one.earned.online_done,
        "线下部分完成": one.earned.offline_done,
        "账本末端": one.earned.ledger_head,
    }


def _material(one: CourseFile | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "sha256": one.sha256,
        "字节": one.size,
        "类型": str(one.kind),
        "录入人": one.entered_by,
        "审核人": one.reviewed_by,
    }
