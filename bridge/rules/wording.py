"""Values and dates of rules as a Chinese reader expects them."""

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction

from bridge.kernel.citation import Basis, Citation
from bridge.rules.model import Value

_SUFFIX = {
    "seconds": " 秒",
    "minutes": " 分钟",
    "hours": " 小时",
    "class_hours": " 学时",
    "days": " 天",
    "working_days": " 个工作日",
    "years": " 年",
    "square_metres": " 平方米",
    "times": " 倍",
}
READ_ON_ZH = {
    "enrolment": "报名日",
    "opening": "开班日",
    "study_second": "学习当时",
    "issue": "出证日",
    "event": "事件发生日",
}
UNCONFIRMED_ZH = "未经确认"
BASIS_ZH = {"law": "法规", "standard": "标准", "practice": "惯例(非法规)", "operator": "运营方设定"}


def value_zh(value: Value, unit: str, labels_zh: Mapping[str, str] | None = None) -> str:
    """Return e.g. "80%", "7 分钟", "身份信息、工作单位", "否"; exact, never rounded."""
    labels = labels_zh or {}
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, tuple):
        return "、".join(labels.get(code, code) for code in value)
    if isinstance(value, str):
        return labels.get(value, value)
    if unit == "share":
        percent = Fraction(value) * 100
        return f"{percent}%" if percent.denominator == 1 else str(value)
    if unit == "seconds" and isinstance(value, int):
        return seconds_zh(value)
    return f"{value}{_SUFFIX.get(unit, '')}"


def seconds_zh(seconds: int) -> str:
    """Return e.g. "1 小时 5 分 30 秒"; whole minutes alone read "7 分钟"."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    if not hours and minutes and not left:
        return f"{minutes} 分钟"
    parts = [(hours, "小时"), (minutes, "分"), (left, "秒")]
    return " ".join(f"{amount} {word}" for amount, word in parts if amount) or "0 秒"


def period_zh(effective_from: date, effective_until: date | None) -> str:
    """Return the range with its last day included, as officials write it: "2022-07-01 至 2027-06-30"."""
    if effective_until is None:
        return f"{effective_from.isoformat()} 起"
    return f"{effective_from.isoformat()} 至 {(effective_until - timedelta(days=1)).isoformat()}"


def citation_zh(citation: Citation) -> str:
    """Return e.g. "法规 粤应急规〔2022〕3号 第十九条", "标准 AQ 8011-2023 4.4.4", "惯例(非法规)"."""
    basis = BASIS_ZH[citation.basis]
    if citation.basis in (Basis.PRACTICE, Basis.OPERATOR):
        return basis
    return f"{basis} {citation.document} {citation.article or '(条号不明)'}"
