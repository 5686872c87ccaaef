"""What a receiver takes in of a sender's rows, and what it decides itself: no sender grants itself standing here.

History is taken as the sender tells it, signed by it and held against its ledgers. What permits something today is not:
it is left out or blanked, counted, and named in the receipt.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table

_REGISTERED = "登记由地级以上市应急管理局针对接任平台重新作出(第十三条)"
_ORDERED = "暂停与恢复由作出决定的应急管理部门在接任平台重新录入;请接收方向其核实移交方列出的决定"
_NUMBERED = "证明编号规则由机构在接任平台重新设定,流水号接着已出具的证明往后排"
_SIGNED = "联系方式例外由接收方的机构人员重新签署"

NOT_TAKEN: Mapping[str, str] = {
    "city_registration": _REGISTERED,
    "city_register": _REGISTERED,
    "suspension": _ORDERED,
    "suspension_restoration": _ORDERED,
    "impact_assessment": "个人信息保护影响评估由新的处理者自己作出",
    "contact_exception": _SIGNED,
    "contact_exception_signature": _SIGNED,
    "paper_template": "证明模板由机构在接任平台重新提交并检查",
    "paper_number_prefix": _NUMBERED,
    "paper_number_scheme": _NUMBERED,
    "paper_number_run": _NUMBERED,
}
"""Table → why none of its rows is taken in. They travel, so that the receiver can read them (`archive open`)."""

_UNDECIDED = "移交时没有办结的事项不导入,由接收方的人员重新提出"
_STATES: Mapping[str, tuple[str, ...]] = {
    "ledger_correction": ("proposed",),
    "certificate_change": ("proposed",),
    "identity_change": ("proposed",),
    "card_check": ("open", "seen"),
    "presence_check": ("open",),
    "presence_prompt": ("open",),
    "face_challenge": ("open",),
}
"""Table → states in which a row still waits for somebody's word: it would make one person of this bridge enough."""
_CONNECTED = "是否接入省级监管平台、平台名称由接收方自己登记(第四条)"
_CLOSED = "学习连接和正在进行的监督学习在移交时结束"


@dataclass(slots=True)
class Trust:
    """What one take-over leaves out.

    Args:
        operator_name: of the bridge that takes in; it stands on papers from now on.
    """

    operator_name: str
    left: Counter[str] = field(default_factory=Counter)
    why: dict[str, str] = field(default_factory=dict)

    def takes(self, table: Table, row: Mapping[str, Any]) -> bool:
        """Return whether a row is taken in; note it where it is not."""
        why = NOT_TAKEN.get(table.name)
        if why is None and self._undecided(table, row):
            why = _UNDECIDED
        if why is None:
            return True
        self.left[table.name] += 1
        self.why[table.name] = why
        return False

    def blank(self, table: Table, row: dict[str, Any]) -> None:
        """Take out of a row what permits something at this bridge."""
        if table.name == "institution":
            if row["provincial_connected"] or row["operator_name"] != self.operator_name:
                self.why.setdefault(table.name, _CONNECTED)
            row.update(provincial_connected=False, operator_name=self.operator_name)
        elif table.name == "study_session":
            if row["open"]:
                self.why.setdefault(table.name, _CLOSED)
                row.update(closed_reason="leaving")
            row.update(open=False, secret_sha256="")
        elif table.name == "supervised_stretch" and row["ended_ms"] is None:
            self.why.setdefault(table.name, _CLOSED)
            row.update(ended_ms=row["attested_ms"], ended_reason="leaving")

    def told(self) -> dict[str, dict[str, Any]]:
        """Return, for the receipt, table → how many rows were left out (0: a field was blanked) and why."""
        return {name: {"rows": self.left[name], "why": self.why[name]} for name in sorted(self.why)}

    @staticmethod
    def _undecided(table: Table, row: Mapping[str, Any]) -> bool:
        return row.get("state") in _STATES.get(table.name, ()) or (
            table.name == "archive_disposal" and row["confirmed_at"] is None
        )
