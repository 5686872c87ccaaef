"""What the simulator objects to in a record: our guess at what a province would look at."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from plugins.simulators.province.archive import Archive

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

Refusal = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges the records of one batch by what was accepted before it."""

    archive: Archive
    connection: sqlite3.Connection
    city: str
    uscc: str

    def refusal(self, kind: str, values: Mapping[str, str]) -> Refusal | None:
        """Return (code, sentence) of what is wrong, or None."""
        if kind == "Institution":
            differs = values["Uscc"] != self.uscc
            return ("uscc_differs", "机构的统一社会信用代码与批次头不一致。") if differs else None
        if kind == "ClassInfo":
            return self._class_info(values)
        class_info = self.archive.known(self.connection, self.uscc, "ClassInfo", values["ClassRun"])
        if class_info is None:
            return "class_unknown", "没有接收过该班次，请先报送班次。"
        if kind == "Learner":
            wrong = not _check_digit_right(values["CitizenId"])
            return ("citizen_id_check_digit", "公民身份号码的校验位不正确。") if wrong else None
        learner = values["LearnerNumber"]
        if not self.archive.has_learner(self.connection, self.uscc, learner, values["ClassRun"]):
            return "learner_unknown", "没有接收过该班次的这名学员，请先报送学员。"
        return self._of_learner(kind, values, class_info.facts)

    def _class_info(self, values: Mapping[str, str]) -> Refusal | None:
        if values["DivisionCode"][:4] != self.city[:4]:
            return "division_differs", "班次的地区代码不在批次的地市范围内。"
        if values["ClosesOn"] < values["OpensOn"]:
            return "dates_reversed", "结班日期早于开班日期。"
        return None

    def _of_learner(
        self, kind: str, values: Mapping[str, str], class_info: Mapping[str, str]
    ) -> Refusal | None:
        if kind == "StudySession" and values.get("EndedAt", "9") < values["StartedAt"]:
            return "times_reversed", "学习过程的结束早于开始。"
        if kind == "TestResult" and Fraction(values["Score"]) > Fraction(values["Maximum"]):
            return "score_above_maximum", "得分高于满分。"
        if kind == "Certificate" and int(values["ClassHours"]) > int(class_info["TheoryClassHours"]):
            return "hours_above_outline", "证明学时超过大纲的理论学时。"
        return None


def _check_digit_right(citizen_id: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, citizen_id[:17], strict=True))
    return "10X98765432"[total % 11] == citizen_id[17]
