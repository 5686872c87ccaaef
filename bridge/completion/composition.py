"""What the two papers say, line by line, in the words of a Chinese office. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.completion.model import Earned, Paper, PaperKind, PrintedField, PrintedTable, Standing
from bridge.completion.ports import Person
from bridge.identity.model import number_label
from bridge.kernel.time import LEGAL_ZONE, from_epoch_ms, legal_date
from bridge.registry.model import ClassRunSheet
from bridge.rules.wording import seconds_zh

KINDS_ZH = {
    "initial": "初次培训",
    "review": "复审培训",
    "renewal": "换证培训",
    "yearly_retraining": "再培训",
}
_MODES_ZH = {"online": "网络", "offline": "线下"}


def compose(
    kind: PaperKind,
    sheet: ClassRunSheet,
    earned: Earned,
    test: Mapping[str, Any],
    standing: Standing,
    person: Person,
    *,
    number: str,
    verify_code: str,
    verify_url: str,
    issued_at: datetime,
    seal_note: str = "",
) -> Paper:
    """Return the paper with all that it prints; the citizen id stands on it masked.

    Args:
        seal_note: who seals it, in a sentence; "" where nobody does.
    """
    run = sheet.class_run
    fields = [
        PrintedField("name", "姓名", person.name),
        PrintedField("citizen_id", number_label(person.citizen_id), person.masked().citizen_id),
        PrintedField("employer", "工作单位", person.employer or "未登记"),
        PrintedField("class_run", "班次", run.title),
        PrintedField("outline", "培训大纲", sheet.outline.title),
        PrintedField("training_kind", "培训类别", KINDS_ZH.get(run.kind, run.kind)),
        PrintedField("division", "培训地区", _division(run.division_code, standing.city_name)),
        PrintedField("online_class_hours", "网络学时", f"{earned.counted_online_class_hours} 学时"),
        PrintedField("credited", "网络学习时长", seconds_zh(earned.credited_seconds)),
    ]
    if kind is PaperKind.COMPLETION_STATEMENT:
        total = earned.counted_online_class_hours + earned.offline_class_hours
        fields += [
            PrintedField("offline_class_hours", "线下学时", f"{earned.offline_class_hours} 学时"),
            PrintedField("total_class_hours", "理论学时合计", f"{total} 学时"),
        ]
    fields += [
        PrintedField("test", "测试成绩", f"{test['score']} 分（满分 {test['maximum']}），合格"),
        PrintedField("checks", "测试人脸核验", f"通过 {test['checks_passed']} 次"),
        PrintedField("period", "网络学习起止", _period(earned)),
    ]
    return Paper(
        kind=kind,
        number=number,
        verify_code=verify_code,
        verify_url=verify_url,
        mark=standing.mark,
        issuer=standing.institution_name,
        uscc=standing.uscc,
        operator=standing.operator_name,
        statement=_statement(kind, earned),
        fields=tuple(fields),
        table=_units(kind, earned),
        notes=_notes(kind, earned, standing, seal_note),
        issued_on=legal_date(issued_at),
        issued_at=issued_at,
    )


def facts(kind: PaperKind, earned: Earned, test: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures behind a paper as JSON values, for the archive and the regulator."""
    return {
        "online_class_hours": earned.counted_online_class_hours,
        "offline_class_hours": earned.offline_class_hours,
        "class_hours": earned.counted_online_class_hours
        + (earned.offline_class_hours if kind is PaperKind.COMPLETION_STATEMENT else 0),
        "credited_seconds": earned.credited_seconds,
        "refused_seconds": dict(earned.refused_seconds),
        "test": dict(test),
        "ledger_head": earned.ledger_head,
        "packs": [list(pack) for pack in earned.packs],
        "first_ms": earned.first_ms,
        "last_ms": earned.last_ms,
    }


def figures(earned: Earned) -> dict[str, Any]:
    """Return what of the hours a paper that is due rests on: issued on the same ledger it must rest on the same."""
    return {
        "ledger_head": earned.ledger_head,
        "credited_seconds": earned.credited_seconds,
        "online_class_hours": earned.counted_online_class_hours,
        "offline_class_hours": earned.offline_class_hours,
    }


def _statement(kind: PaperKind, earned: Earned) -> str:
    if kind is PaperKind.HOUR_CERTIFICATE:
        return (
            "兹证明下列学员在本班次中完成网络课程学习，经测试合格，"
            f"取得网络学时 {earned.counted_online_class_hours} 学时。"
        )
    return (
        "兹证明下列学员在本班次中完成网络学习与线下培训，经测试合格，"
        f"取得理论学时共 {earned.counted_online_class_hours + earned.offline_class_hours} 学时，准予结业。"
    )


def _units(kind: PaperKind, earned: Earned) -> PrintedTable:
    shown = [unit for unit in earned.units if unit.mode == "online" or kind is PaperKind.COMPLETION_STATEMENT]
    return PrintedTable(
        ("大纲单元", "方式", "要求学时", "认定时长", "结果"),
        tuple(
            (
                unit.title,
                _MODES_ZH[unit.mode],
                str(unit.required_class_hours),
                seconds_zh(unit.earned_seconds),
                "达到" if unit.met else "未达到",
            )
            for unit in shown
        ),
    )


def _notes(kind: PaperKind, earned: Earned, standing: Standing, seal_note: str) -> tuple[str, ...]:
    notes = [f"学时认定依据：{'、'.join(earned.documents)}。"]
    if kind is PaperKind.HOUR_CERTIFICATE:
        notes.append("本证明仅证明网络学时，不代表结业，也不能代替安全生产资格考试。")
    else:
        for one in earned.attendances:
            start, end = from_epoch_ms(one.start_ms), from_epoch_ms(one.end_ms)
            notes.append(f"线下培训：{_clock(start)} 至 {_clock(end)}，{one.place}，{one.class_hours} 学时。")
        notes.append("本说明证明理论培训完成情况，不能代替安全生产资格考试。")
    if standing.mark:
        notes.append(f"{standing.mark}：{_why_marked(standing)}，不得作为培训凭证使用。")
    if seal_note:
        notes.append(seal_note)
    notes.append(f"学时账本末端 SHA-256:{earned.ledger_head}")
    return tuple(notes)


def _why_marked(standing: Standing) -> str:
    if standing.demonstration:
        return "省级监管平台为模拟器，人员与机构均为虚构"
    if not standing.provincially_connected:
        return "网络平台尚未接入省级监管平台"
    if not standing.registered:
        return "培训机构未在本班次所在地市登记"
    return "签章证书由测试CA签发"


def _period(earned: Earned) -> str:
    if earned.first_ms is None or earned.last_ms is None:
        return "—"
    return f"{_clock(from_epoch_ms(earned.first_ms))} 至 {_clock(from_epoch_ms(earned.last_ms))}"


def _clock(instant: datetime) -> str:
    return instant.astimezone(LEGAL_ZONE).strftime("%Y-%m-%d %H:%M")


def _division(code: str, name: str) -> str:
    return f"{name}（{code}）" if name else code
