"""`./anxue intake reconcile`: compare with the LMS, list what is missing on either side, take in what can be."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from bridge.commands.intake_upkeep import (
    as_json_option,
    instant_of,
    institution_named,
    institution_option,
    open_house,
    since_option,
)
from bridge.intake.quarantine_wording import explain
from bridge.intake.reconciliation import EXPLANATIONS, Finding, Gap
from bridge.kernel.ids import ClassRunId
from bridge.kernel.json_line import failures_told, print_json
from bridge.kernel.time import rfc3339
from bridge.wiring.intake_reconcile import compare, take_in
from bridge.wiring.intake_scores import Compared


@click.command("reconcile", help="与学习平台逐项核对:哪边缺成绩、谁没有实名、哪些内容打开过却没有学习记录。")
@institution_option
@click.option("--class-run", metavar="ID", help="只核对一个班次。")
@since_option
@click.option("--take", is_flag=True, help="把学习平台有而这里没有的成绩补收进来(与平台主动送来的一样认定)。")
@as_json_option
def reconcile_command(
    institution: str | None, class_run: str | None, since: datetime | None, take: bool, as_json: bool
) -> None:
    """Print what is missing; exit 1 if anything is, or a platform could not be asked."""
    with failures_told(as_json), open_house() as house:
        compared = compare(
            house,
            institution_named(house, institution),
            class_run=None if class_run is None else ClassRunId(class_run),
            since=instant_of(since),
        )
        if take:
            take_in(house, compared)
    if as_json:
        print_json(facts_of(compared))
    else:
        click.echo("\n".join(_lines(compared)))
    if compared.findings:
        raise SystemExit(1)


def facts_of(compared: Compared) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    return {
        "institution": compared.institution,
        "since": rfc3339(compared.since),
        "until": rfc3339(compared.until),
        "counts": {gap.value: _count(compared, gap) for gap in Gap},
        "takeable": sum(one.take is not None for one in compared.findings),
        "taken": compared.taken,
        "findings": [asdict(one) for one in compared.findings],
        "not_asked": [asdict(one) for one in compared.not_asked],
    }


def _count(compared: Compared, gap: Gap) -> int:
    return sum(one.gap is gap for one in compared.findings)


def _lines(compared: Compared) -> Sequence[str]:
    lines = []
    if compared.taken:
        lines.append(f"已补收 {compared.taken} 条成绩。")
    for gap in Gap:
        found = [one for one in compared.findings if one.gap is gap]
        if found:
            name, meaning, to_do = EXPLANATIONS[gap]
            lines += [f"{name}:{len(found)}", f"  {meaning}{to_do}", *map(_line, found)]
    for one in compared.not_asked:
        lines.append(f"没有核对成绩:{one.registration}({one.reason}){one.message}")
    return lines or ["两边一致,没有缺少的内容。"]


def _line(one: Finding) -> str:
    parts = [one.learner or one.account, one.class_run, one.unit, one.attempt, one.score, one.at]
    said = "  ".join(part for part in parts if part)
    if one.take is not None:
        said += "  可补收(--take)"
    if one.hindrance is not None:
        said += f"  不能补收:{explain(one.hindrance)[0]}({one.hindrance})"
    return f"    {said}" + (f"  已隔离 {one.held}" if one.held else "")
