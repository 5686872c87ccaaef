"""`./anxue intake retention`: let old raw batches go, take a day back, prove what is gone."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from bridge.commands.intake_upkeep import as_json_option, by_option, open_house
from bridge.intake.retention import Step, StepTaken
from bridge.kernel.errors import InvalidInput
from bridge.kernel.json_line import print_json
from bridge.kernel.time import rfc3339
from bridge.wiring.inbox_days import DayOutcome, audit_dropped, restore, retain

_DONE_ZH = {Step.DETACHED: "移出", Step.RESTORED: "撤回移出", Step.DROPPED: "删除"}
_day = click.DateTime(["%Y-%m-%d"])


@click.command(
    "retention", help="移出并删除过了保留期的学习页面原始批次;台账、档案、照片和平台消息不受影响。"
)
@click.option("--dry-run", is_flag=True, help="只报告会移出、删除哪些天,以及为什么不能,不改动。")
@click.option("--day", type=_day, metavar="YYYY-MM-DD", help="只处理这一天(包括曾经撤回的)。")
@click.option("--undo", type=_day, metavar="YYYY-MM-DD", help="撤回这一天的移出(删除之前)。")
@click.option("--check", is_flag=True, help="用学习会话自己的链末端核对删除记录;不符时退出码为 1。")
@by_option
@as_json_option
def retention(
    dry_run: bool, day: datetime | None, undo: datetime | None, check: bool, by: str, as_json: bool
) -> None:
    """Run retention, or undo a day, or check the records."""
    if sum(map(bool, (dry_run or day, undo, check))) > 1:
        raise InvalidInput("options_exclusive", "--undo、--check 不能与其他选项同用")
    with open_house() as house:
        if check:
            proofs = audit_dropped(house)
            _print_proofs(proofs, as_json)
            if not all(good for _, good in proofs):
                sys.exit(1)
            return
        if undo is not None:
            outcomes = [restore(house, undo.date(), by=by)]
        else:
            outcomes = retain(house, by=by, dry_run=dry_run, day=None if day is None else day.date())
    if as_json:
        print_json({"dry_run": dry_run, "days": [_facts(one) for one in outcomes]})
        return
    for one in outcomes:
        click.echo("\n".join(_lines(one, dry_run)))
    if not outcomes:
        click.echo("没有过了保留期的原始批次。")


def _lines(one: DayOutcome, dry_run: bool) -> Sequence[str]:
    amount = f"{one.content.chains} 个会话,{one.content.batches} 批"
    if one.done is None:
        return [f"{one.day}  保留({amount})", *(f"  {o.message}({o.reason})" for o in one.objections)]
    said = f"{one.day}  {'将' if dry_run else '已'}{_DONE_ZH[one.done]}({amount})"
    if one.drop_after is not None:
        said += f";{rfc3339(one.drop_after)} 之前可以撤回:./anxue intake retention --undo {one.day}"
    return [said]


def _facts(one: DayOutcome) -> dict[str, Any]:
    return {
        "day": one.day.isoformat(),
        "step": one.done,
        "batches": one.content.batches,
        "chains": one.content.chains,
        "chains_sha256": one.content.chains_sha256,
        "drop_after": None if one.drop_after is None else rfc3339(one.drop_after),
        "objections": [{"reason": o.reason, "count": o.count, "message": o.message} for o in one.objections],
    }


def _print_proofs(proofs: Sequence[tuple[StepTaken, bool]], as_json: bool) -> None:
    if as_json:
        days = [
            {
                "day": taken.day.isoformat(),
                "dropped_at": rfc3339(taken.at),
                "by": taken.by,
                "batches": taken.content.batches,
                "chains": taken.content.chains,
                "chains_sha256": taken.content.chains_sha256,
                "rule": taken.rule,
                "matches": good,
            }
            for taken, good in proofs
        ]
        print_json({"days": days, "ok": all(good for _, good in proofs)})
        return
    for taken, good in proofs:
        verdict = "与会话的链末端一致" if good else "与会话的链末端不符,请停止并检查"
        click.echo(
            f"{taken.day}  {rfc3339(taken.at)} 由 {taken.by} 删除({taken.content.chains} 个会话):{verdict}"
        )
    if not proofs:
        click.echo("还没有删除过原始批次。")
