"""What a file of article 26 or 15 has nothing on yet, named: nobody fills a blank that nobody names. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a file should hold and does not.

    Args:
        item: the file's item that lacks it, e.g. "2-employer.json".
    """

    item: str
    sentence_zh: str

    def to_json(self) -> dict[str, str]:
        return {"项目": self.item, "说明": self.sentence_zh}


def missing_of_learner(items: Mapping[str, Mapping[str, Any]]) -> tuple[Missing, ...]:
    """Return what the seven items of a learner's file (第二十六条) lack, in their order."""
    found: list[Missing] = []

    def lacks(item: str, sentence: str, *, when: bool) -> None:
        if when:
            found.append(Missing(item, sentence))

    identity = items["1-identity.json"]
    lacks("1-identity.json", "没有姓名。", when=not identity.get("姓名"))
    numbers = [value for label, value in identity.items() if label not in ("姓名", "学员编号")]
    lacks("1-identity.json", "没有证件号码。", when=not any(numbers))
    lacks("2-employer.json", "没有登记工作单位。", when=not items["2-employer.json"].get("工作单位"))
    content = items["3-content.json"]
    lacks("3-content.json", "大纲没有单元。", when=not content["大纲"]["单元"])
    lacks("3-content.json", "课程没有单元。", when=not content["课程"]["单元"])
    time = items["4-study-time.json"]
    lacks(
        "4-study-time.json", "还没有计入的学习时段。", when=time["首次学习"] is None and not time["线下培训"]
    )
    offline = [unit["名称"] for unit in content["大纲"]["单元"] if unit["方式"] == "offline"]
    lacks(
        "4-study-time.json",
        f"大纲有线下单元({'、'.join(offline)}),还没有线下培训记录。",
        when=bool(offline) and not time["线下培训"],
    )
    duration = items["5-duration.json"]
    lacks("5-duration.json", "没有认定的学习时长。", when=not (duration["认定秒数"] or duration["线下学时"]))
    lacks("5-duration.json", "没有学时记录方式(规则包)。", when=not duration["学时记录方式"])
    lacks("6-completion.json", "还没有证明文件。", when=not items["6-completion.json"]["证明文件"])
    for one in items["6-completion.json"]["证明文件"]:
        gone = f"证明 {one['编号']} 的文件已按规定销毁,登记信息仍在。"
        lacks("6-completion.json", gone, when=one["文件"] is None)
    lacks("7-test.json", "还没有测试记录。", when=not items["7-test.json"]["测试"])
    return tuple(found)


def missing_of_class(parts: Mapping[str, Any]) -> tuple[Missing, ...]:
    """Return what the five parts of a class run's file (第十五条) lack, in their order."""
    found: list[Missing] = []

    def lacks(item: str, sentence: str, *, when: bool) -> None:
        if when:
            found.append(Missing(item, sentence))

    learners: Sequence[Mapping[str, Any]] = parts["1-learners.json"]["学员"]
    lacks("1-learners.json", "还没有学员实名入班。", when=not learners)
    for one in learners:
        what = "、".join(label for label in ("姓名", "证件号码", "工作单位") if not one.get(label))
        lacks("1-learners.json", f"学员 {one['学员编号']} 没有{what}。", when=bool(what))
    waiting = parts["1-learners.json"]["报名未实名人数"]
    lacks("1-learners.json", f"{waiting} 名报名人员还没有实名入班。", when=waiting > 0)
    units = parts["2-courseware.json"]["单元"]
    lacks("2-courseware.json", "课程没有单元。", when=not units)
    for unit in units:
        unreviewed = unit["课件"] is not None and unit["课件"]["审核人"] is None
        lacks("2-courseware.json", f"单元“{unit['名称']}”的课件还没有审核。", when=unreviewed)
        unknown = unit["课件"] is None and unit["类型"] == "study"
        lacks(
            "2-courseware.json",
            f"单元“{unit['名称']}”的课件在学习平台,本档案没有文件校验值,请机构另存课件。",
            when=unknown,
        )
    lacks("3-setup.json", "大纲没有单元。", when=not parts["3-setup.json"]["大纲"]["单元"])
    lacks("3-setup.json", "机构在班次所在地市没有有效登记。", when=not parts["3-setup.json"]["登记"])
    lacks("4-hour-method.json", "没有学时记录方式(规则包)。", when=not parts["4-hour-method.json"]["规则包"])
    other = parts["5-other.json"]
    lacks("5-other.json", "还没有证明文件。", when=not other["证明文件"])
    offline = any(unit["方式"] == "offline" for unit in parts["3-setup.json"]["大纲"]["单元"])
    lacks("5-other.json", "大纲有线下单元,还没有线下培训记录。", when=offline and not other["线下培训"])
    unconfirmed = sum(1 for one in other["线下培训"] if one["确认人"] is None)
    lacks("5-other.json", f"{unconfirmed} 次线下培训还没有第二人确认。", when=unconfirmed > 0)
    return tuple(found)
