"""`./anxue identity …`: the operator's look at real-name providers."""

from getpass import getuser
from typing import Any

import click

from bridge.commands.intake_upkeep import as_json_option, open_house
from bridge.identity.model import REVEAL_REASONS
from bridge.identity.provider_model import Outcome
from bridge.kernel.json_line import failures_told, print_json
from bridge.kernel.time import LEGAL_ZONE, rfc3339
from bridge.wiring.identity_versions import versions_of
from bridge.wiring.name_health import NameHealth, ProviderHealth, name_health

_HEALTH_ZH = {
    "good": "正常",
    "unasked": "尚未使用",
    "away": "没有回应,系统会自动再试",
    "operator": "须处理(额度、欠费、密钥或开通)",
    "incomplete": "设置不全,不会发出请求",
}
_OUTCOMES_ZH = {
    Outcome.MATCH: "一致",
    Outcome.MISMATCH: "不一致",
    Outcome.NO_RECORD: "查无记录",
    Outcome.UNCLEAR: "无法判断",
    Outcome.TIMEOUT: "超时",
    Outcome.OUTAGE: "中断",
    Outcome.QUOTA: "额度用完",
    Outcome.REFUSED: "请求被拒",
    "": "已发出,结果不明",
}


@click.group("identity", help="实名核验服务。")
def identity() -> None:
    """Hold the commands together."""


@identity.command(
    "providers", help="实名核验服务:用的是谁、设置是否齐全、24 小时内的结果、是否正常。不会发出请求。"
)
@as_json_option
def providers_command(as_json: bool) -> None:
    """Print how they do; exit 1 where somebody must act."""
    with failures_told(as_json), open_house() as house:
        found = name_health(house)
    if as_json:
        print_json(to_json(found))
    else:
        _print(found)
    if any(one.health in ("operator", "incomplete") for one in found.providers):
        raise SystemExit(1)


@identity.command(
    "versions",
    help="学员 LEARNER 的姓名、单位、证件变更:谁提出、谁确认、自哪天起、材料的 SHA-256。"
    "默认遮盖;--reveal 写明原因看全文,记入查看记录。",
)
@click.argument("learner")
@click.option("--institution", required=True, help="培训机构编号。")
@click.option("--on", "on", default=None, help="只看这一天(YYYY-MM-DD)生效的内容。")
@click.option("--reveal", type=click.Choice(sorted(REVEAL_REASONS)), default=None, help="看全文的原因。")
def versions_command(learner: str, institution: str, on: str | None, reveal: str | None) -> None:
    """Print one JSON object; each look is logged."""
    with failures_told(True), open_house() as house:
        print_json(versions_of(house, institution, learner, on=on, reveal=reveal, by=getuser()))


def to_json(found: NameHealth) -> dict[str, Any]:
    """Return it as JSON values."""
    return {
        "providers": [
            {
                "code": one.facts.code,
                "fallback": one.fallback,
                "host": one.facts.host,
                "needs_photo": one.facts.needs_photo,
                "threshold": one.facts.threshold,
                "missing": list(one.facts.missing),
                "health": one.health,
                "last_24_hours": dict(one.counts),
                "last": None
                if one.last is None
                else {"at": rfc3339(one.last[0]), "outcome": one.last[1], "detail": one.last[2]},
            }
            for one in found.providers
        ],
        "waiting": {"provider": found.pending, "staff": found.staff},
    }


def _print(found: NameHealth) -> None:
    for one in found.providers:
        _print_one(one)
    click.echo(f"等待核验服务 {found.pending} 人,等待当面核对 {found.staff} 人。")


def _print_one(one: ProviderHealth) -> None:
    facts = one.facts
    click.echo(
        f"{'备用' if one.fallback else '主用'}  {facts.title_zh}({facts.code}):{_HEALTH_ZH[one.health]}"
    )
    if facts.missing:
        click.echo(f"      缺少 {'、'.join(facts.missing)}")
    if facts.host:
        sent = "姓名、身份证号码、报名照片" if facts.needs_photo else "姓名、身份证号码"
        limit = "" if facts.threshold is None else f";相似度不低于 {facts.threshold}"
        click.echo(f"      发往 {facts.host}:{sent}{limit}")
    if one.counts:
        said = [f"{_OUTCOMES_ZH[outcome]} {number}" for outcome, number in sorted(one.counts.items())]
        click.echo(f"      24 小时内:{'、'.join(said)}")
    if one.last is not None:
        at = one.last[0].astimezone(LEGAL_ZONE).strftime("%Y-%m-%d %H:%M:%S")
        code = f"({one.last[2]})" if one.last[2] else ""
        click.echo(f"      最近一次:{at} {_OUTCOMES_ZH[one.last[1]]}{code}")
