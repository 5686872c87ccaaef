"""The print set of a file: what stands in its items, as sheets of labels, values and tables. Pure.

A sheet says everything in words and Beijing time; the files beside it stay the ones that count.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bridge.archive.missing import Missing
from bridge.archive.model import ITEMS, PARTS
from bridge.archive.sheet import Section, Sheet, Table, beijing
from bridge.kernel.time import from_epoch_ms, parse_rfc3339

_KINDS = {
    "initial": "初次培训",
    "review": "复审培训",
    "renewal": "换证培训",
    "yearly_retraining": "再培训",
    "online": "网络",
    "offline": "线下",
    "study": "学习",
    "test": "测试",
    "hour_certificate": "网络学时证明",
    "completion_statement": "结业说明",
    "valid": "有效",
    "superseded": "已被替代",
    "revoked": "已撤销",
    "expired": "已过期",
    "law": "法规",
    "standard": "标准",
    "practice": "惯例",
    "operator": "运营方设定",
}
_VERDICTS = {
    "credited": "计入",
    "provisional": "待确认",
    "pending": "待补足",
    "frozen": "暂不计入",
    "refused": "不计入",
}
_NONE = "(无)"


def learner_sheet(
    items: Mapping[str, Mapping[str, Any]],
    missing: Sequence[Missing],
    *,
    issuer: str,
    made_at: datetime,
    digests: Sequence[tuple[str, str]] = (),
) -> Sheet:
    """Return the print set of a learner's file, item by item of article 26."""
    identity, content = items["1-identity.json"], items["3-content.json"]
    study, duration, done = items["4-study-time.json"], items["5-duration.json"], items["6-completion.json"]
    run, outline, course = content["班次"], content["大纲"], content["课程"]
    bodies: dict[str, tuple[Sequence[tuple[str, Any]], Sequence[Table]]] = {
        "1-identity.json": (list(identity.items()), ()),
        "2-employer.json": ([("工作单位", items["2-employer.json"]["工作单位"])], ()),
        "3-content.json": (
            [
                ("班次", f"{run['名称']}({run['编号']})"),
                ("培训类别", _word(run["培训类别"])),
                ("大纲", f"{outline['名称']},理论 {outline['理论学时']} 学时"),
                ("课程", f"{course['名称']}(版本 {course['版本']})"),
            ],
            [
                _table(
                    ("课程单元", "类型", "审定时长"),
                    [
                        (u["名称"], _word(u["类型"]), _length(u["审定时长毫秒"] // 1000))
                        for u in course["单元"]
                    ],
                )
            ],
        ),
        "4-study-time.json": (
            [
                ("报名日期", study["报名日期"]),
                ("首次学习", _at(study["首次学习"])),
                ("最后学习", _at(study["最后学习"])),
            ],
            [
                _table(
                    ("开始", "结束", "认定"),
                    [
                        (_at(one["开始"]), _at(one["结束"]), _VERDICTS.get(one["认定"], str(one["认定"])))
                        for one in study["学习时段"]
                    ],
                ),
                _table(
                    ("线下单元", "开始", "结束", "地点"),
                    [
                        (
                            one.get("outline_unit", one.get("unit", "")),
                            _ms(one.get("start_ms")),
                            _ms(one.get("end_ms")),
                            one.get("place", ""),
                        )
                        for one in study["线下培训"]
                    ],
                ),
            ],
        ),
        "5-duration.json": (
            [
                ("认定时长", _length(duration["认定秒数"])),
                ("待确认时长", _length(duration["待确认秒数"])),
                ("未认定时长", _length(sum(duration["未认定秒数"].values()))),
                ("网络学时", duration["网络学时"]),
                ("计入理论的网络学时", duration["计入理论的网络学时"]),
                ("线下学时", duration["线下学时"]),
            ],
            [
                _table(
                    ("学时记录方式(规则包)", "SHA-256"),
                    [tuple(one.split(" sha256:")) for one in duration["学时记录方式"]],
                )
            ],
        ),
        "6-completion.json": (
            [
                ("网络部分完成", _yes(done["网络部分完成"])),
                ("线下部分完成", _yes(done["线下部分完成"])),
                ("学时比例符合", _yes(done["学时比例符合"])),
                *(("未满足的原因", reason) for reason in done["未满足的原因"]),
            ],
            [
                _table(
                    ("大纲单元", "方式", "要求学时", "认定时长", "达到"),
                    [
                        (u["名称"], _word(u["方式"]), u["要求学时"], _length(u["认定秒数"]), _yes(u["达到"]))
                        for u in done["单元"]
                    ],
                ),
                _table(
                    ("证明编号", "种类", "出具时间", "状态"),
                    [
                        (p["编号"], _word(p["种类"]), _at(p["出具时间"]), _word(p["状态"]))
                        for p in done["证明文件"]
                    ],
                ),
            ],
        ),
        "7-test.json": (
            (),
            [
                _table(
                    ("测试单元", "次数", "得分", "满分", "结果"),
                    [
                        (
                            one.get("unit", ""),
                            one.get("attempt", ""),
                            one.get("score", ""),
                            one.get("maximum", ""),
                            _yes(one["accepted"]) if "accepted" in one else "",
                        )
                        for one in items["7-test.json"]["测试"]
                    ],
                )
            ],
        ),
    }
    return Sheet(
        "学员学习电子档案",
        "一人一档 · 粤应急规〔2022〕3号第二十六条",
        f"{run['编号']} / {identity['学员编号']}",
        issuer,
        made_at,
        _sections(ITEMS, bodies, missing),
        tuple(digests),
    )


def class_sheet(
    parts: Mapping[str, Mapping[str, Any]],
    missing: Sequence[Missing],
    *,
    made_at: datetime,
    digests: Sequence[tuple[str, str]] = (),
) -> Sheet:
    """Return the print set of a class run's file, part by part of article 15."""
    setup, other = parts["3-setup.json"], parts["5-other.json"]
    run, outline, institution = setup["班次"], setup["大纲"], setup["机构"]
    course = parts["2-courseware.json"]["课程"]
    bodies: dict[str, tuple[Sequence[tuple[str, Any]], Sequence[Table]]] = {
        "1-learners.json": (
            [("报名未实名人数", parts["1-learners.json"]["报名未实名人数"])],
            [
                _table(
                    ("姓名", "证件号码", "工作单位", "入班", "网络学时", "线下学时", "测试"),
                    [
                        (
                            one["姓名"],
                            one["证件号码"],
                            one["工作单位"],
                            one["入班日期"],
                            one["网络学时"],
                            one["线下学时"],
                            one["测试"],
                        )
                        for one in parts["1-learners.json"]["学员"]
                    ],
                )
            ],
        ),
        "2-courseware.json": (
            [("课程", f"{course['名称']}(版本 {course['版本']})")],
            [
                _table(
                    ("课程单元", "类型", "审定时长", "课件", "审核人"),
                    [
                        (
                            unit["名称"],
                            _word(unit["类型"]),
                            _length(unit["审定时长毫秒"] // 1000),
                            "学习平台" if unit["课件"] is None else f"{unit['课件']['sha256'][:16]}…",
                            None if unit["课件"] is None else unit["课件"]["审核人"],
                        )
                        for unit in parts["2-courseware.json"]["单元"]
                    ],
                )
            ],
        ),
        "3-setup.json": (
            [
                ("机构", f"{institution['名称']}({institution['统一社会信用代码']})"),
                ("网络平台", institution["网络平台"]),
                ("已接入省级监管平台", _yes(institution["已接入省级监管平台"])),
                *(("登记", f"{one['地区代码']} {one['文号']}") for one in setup["登记"]),
                ("班次", f"{run['名称']}({run['编号']})"),
                ("培训类别", _word(run["培训类别"])),
                ("开班与结班", f"{run['开班']} 至 {run['结班']}"),
                ("大纲", f"{outline['名称']},理论 {outline['理论学时']} 学时"),
                ("线上学时上限的例外", setup["线上学时上限的例外"]),
            ],
            [
                _table(
                    ("大纲单元", "方式", "学时"),
                    [(one["名称"], _word(one["方式"]), one["学时"]) for one in outline["单元"]],
                )
            ],
        ),
        "4-hour-method.json": (
            [("说明", parts["4-hour-method.json"]["说明"])],
            [
                _table(
                    ("规则包", "SHA-256"),
                    [(one["名称"], one["sha256"]) for one in parts["4-hour-method.json"]["规则包"]],
                ),
                _table(
                    ("规定", "依据"),
                    [(one["内容"], one["依据"]) for one in parts["4-hour-method.json"]["规定"]],
                ),
            ],
        ),
        "5-other.json": (
            [("保存至", other["保存至"])],
            [
                _table(
                    ("线下单元", "开始", "学时", "地点", "到课", "确认"),
                    [
                        (
                            one["大纲单元"],
                            _at(one["开始"]),
                            one["学时"],
                            one["地点"],
                            one["到课人数"],
                            _yes(one["确认人"] is not None),
                        )
                        for one in other["线下培训"]
                    ],
                ),
                _table(
                    ("证明编号", "种类", "出具时间", "状态"),
                    [
                        (p["编号"], _word(p["种类"]), _at(p["出具时间"]), _word(p["状态"]))
                        for p in other["证明文件"]
                    ],
                ),
            ],
        ),
    }
    return Sheet(
        "班次培训档案",
        "一期一档 · 粤应急规〔2022〕3号第十五条",
        str(run["编号"]),
        institution["名称"],
        made_at,
        _sections(PARTS, bodies, missing),
        tuple(digests),
    )


def _sections(
    titles: Mapping[str, str],
    bodies: Mapping[str, tuple[Sequence[tuple[str, Any]], Sequence[Table]]],
    missing: Sequence[Missing],
) -> tuple[Section, ...]:
    return tuple(
        Section(
            f"{number}. {title}",
            tuple((label, _text(value)) for label, value in bodies[name][0]),
            tuple(table for table in bodies[name][1] if table.rows),
            tuple(one.sentence_zh for one in missing if one.item == name),
        )
        for number, (name, title) in enumerate(titles.items(), start=1)
    )


def _table(heading: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> Table:
    return Table(heading, tuple(tuple(_text(cell) for cell in row) for row in rows))


def _text(value: Any) -> str:
    return _NONE if value is None or value == "" else str(value)


def _word(code: Any) -> str:
    return _KINDS.get(str(code), str(code))


def _yes(value: bool) -> str:
    return "是" if value else "否"


def _length(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} 小时 {minutes} 分 {left} 秒" if hours else f"{minutes} 分 {left} 秒"


def _at(text: str | None) -> str:
    return _NONE if text is None else beijing(parse_rfc3339(text))


def _ms(milliseconds: int | None) -> str:
    return _NONE if milliseconds is None else beijing(from_epoch_ms(milliseconds))
