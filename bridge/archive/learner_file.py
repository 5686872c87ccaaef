"""What stands in a learner's file: the seven items of article 26, readable without this software. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bridge.archive.missing import missing_of_learner
from bridge.archive.model import CHECKS, INDEX, ITEMS, LEDGER, PAPERS
from bridge.archive.ports import Person
from bridge.completion.model import Earned, IssuedPaper
from bridge.identity.model import number_label
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.time import from_epoch_ms, rfc3339
from bridge.registry.model import ClassRunSheet


def payload(
    sheet: ClassRunSheet,
    person: Person,
    earned: Earned,
    ledger: bytes,
    checks: Sequence[Mapping[str, Any]],
    papers: Sequence[tuple[IssuedPaper, bytes | None]],
) -> dict[str, bytes]:
    """Return the files of a learner's file by their path under data/; the same input gives the same bytes."""
    items = seven_items(sheet, person, earned, ledger, papers)
    index = {
        "格式": "anxue-learner-file",
        "版本": 1,
        "说明": "学员学习电子档案(一人一档)。人脸图像不在本档案内,核验记录中列有图像的 SHA-256 值。",
        "机构": sheet.institution,
        "学员": sheet.learner,
        "班次": sheet.class_run.id,
        "项目": {name: ITEMS[name] for name in items},
        "缺少的内容": [one.to_json() for one in missing_of_learner(items)],
        "学时账本": {"文件": LEDGER, "末端": earned.ledger_head, "sha256": sha256_hex(ledger)},
        "核验记录": CHECKS,
        "证明编号": [paper.number for paper, _pdf in papers],
    }
    files = {name: readable(item) for name, item in items.items()}
    files[INDEX] = readable(index)
    files[LEDGER] = ledger
    files[CHECKS] = readable({"人脸核验": list(checks)})
    files |= {f"{PAPERS}/{paper.number}.pdf": pdf for paper, pdf in papers if pdf is not None}
    return files


def seven_items(
    sheet: ClassRunSheet,
    person: Person,
    earned: Earned,
    ledger: bytes,
    papers: Sequence[tuple[IssuedPaper, bytes | None]],
) -> dict[str, dict[str, Any]]:
    """Return the seven items of article 26, as they stand now, by the file that holds each."""
    run, outline = sheet.class_run, sheet.outline
    entries = [json.loads(line) for line in ledger.splitlines()[1:]]
    of_kind = {
        kind: [e["data"] | {"at": _instant(e["at_ms"])} for e in entries if e["kind"] == kind]
        for kind in ("test", "offline")
    }
    return {
        "1-identity.json": {
            "姓名": person.name,
            number_label(person.citizen_id): person.citizen_id,
            "学员编号": sheet.learner,
        },
        "2-employer.json": {"工作单位": person.employer or None},
        "3-content.json": {
            "班次": {"编号": run.id, "名称": run.title, "培训类别": run.kind, "地区代码": run.division_code},
            "大纲": {
                "编号": outline.id,
                "名称": outline.title,
                "理论学时": outline.theory_class_hours,
                "单元": [
                    {"编号": u.id, "名称": u.title, "方式": u.mode, "学时": u.class_hours}
                    for u in outline.units
                ],
            },
            "课程": {
                "编号": sheet.course.id,
                "版本": sheet.course.version,
                "名称": sheet.course.title,
                "单元": [
                    {"编号": u.id, "名称": u.title, "类型": u.activity, "审定时长毫秒": u.nominal_ms}
                    for u in sheet.course.units
                ],
            },
        },
        "4-study-time.json": {
            "报名日期": sheet.enrolled_on.isoformat(),
            "首次学习": _instant(earned.first_ms),
            "最后学习": _instant(earned.last_ms),
            "学习时段": [
                {"开始": _instant(start), "结束": _instant(end), "认定": verdict, "原因": reason}
                for start, end, verdict, reason in earned.timeline
            ],
            "线下培训": of_kind["offline"],
        },
        "5-duration.json": {
            "认定秒数": earned.credited_seconds,
            "待确认秒数": earned.provisional_seconds,
            "未认定秒数": dict(sorted(earned.refused_seconds.items())),
            "网络学时": earned.online_class_hours,
            "计入理论的网络学时": earned.counted_online_class_hours,
            "线下学时": earned.offline_class_hours,
            "学时记录方式": [f"{pack} sha256:{digest}" for pack, digest in earned.packs],
        },
        "6-completion.json": {
            "网络部分完成": earned.online_done,
            "线下部分完成": earned.offline_done,
            "学时比例符合": earned.shares_allowed,
            "未满足的原因": [reason.sentence_zh for reason in earned.reasons],
            "单元": [
                {
                    "编号": unit.id,
                    "名称": unit.title,
                    "方式": unit.mode,
                    "要求学时": unit.required_class_hours,
                    "认定秒数": unit.earned_seconds,
                    "达到": unit.met,
                }
                for unit in earned.units
            ],
            "证明文件": [
                {
                    "编号": paper.number,
                    "种类": paper.kind.value,
                    "出具时间": rfc3339(paper.issued_at),
                    "状态": paper.status,
                    # None: its key was destroyed, and the register of papers alone still knows it.
                    "文件": None if pdf is None else f"{PAPERS}/{paper.number}.pdf",
                    "sha256": paper.sha256,
                }
                for paper, pdf in papers
            ],
        },
        "7-test.json": {"测试": of_kind["test"]},
    }


def readable(value: Any) -> bytes:
    """Return `value` as JSON that a person can read."""
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _instant(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(from_epoch_ms(milliseconds))
