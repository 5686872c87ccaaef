"""`./anxue intake …`: the operator's way to give, change and end the keys of those who send learning records."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from bridge.commands.canvas import canvas
from bridge.commands.cmi5 import cmi5
from bridge.commands.forwarding import forward
from bridge.commands.intake_reconcile import reconcile_command
from bridge.commands.intake_retention import retention
from bridge.commands.intake_upkeep import institution_named, open_house, quarantine, replay_command
from bridge.intake.xapi.credentials import GRACE, Credential, Issued
from bridge.intake.xapi.model import Scope, Store, Version
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.kernel.json_line import print_json
from bridge.kernel.time import rfc3339
from bridge.wiring import House
from bridge.wiring.xapi import credentials

_SCOPE_ZH = {
    Scope.WRITE: "写入陈述",
    Scope.READ_OWN: "读取本来源的陈述",
    Scope.READ: "读取本机构全部陈述",
    Scope.STATE: "读写状态文档",
    Scope.PROFILE: "读写学员与活动文档",
    Scope.CALIPER: "发送 Caliper 事件",
    Scope.CANVAS: "发送未签名的 Canvas 事件",
}
BEARER_SCOPES = frozenset({Scope.CALIPER, Scope.CANVAS})
"""Of doors whose callers name key and secret as one bearer token."""
_DEFAULT_SCOPES = (Scope.WRITE, Scope.READ_OWN, Scope.STATE)

_json = click.option("--json", "as_json", is_flag=True, help="只输出一行 JSON。")
_by = click.option(
    "--by", default="operator", show_default=True, metavar="REF", help="操作人编号(写入记录,不写姓名)。"
)
_key = click.argument("key", metavar="KEY")


@click.group("intake", help="学习记录的接收:发送方的凭证、重放、隔离、与学习平台核对。")
def intake() -> None:
    """Hold the commands together."""


intake.add_command(replay_command)
intake.add_command(quarantine)
intake.add_command(reconcile_command)
intake.add_command(canvas)
intake.add_command(forward)
intake.add_command(retention)
intake.add_command(cmi5)


@intake.group("credential", help="xAPI 凭证:每个机构的每个来源一组 key 与 secret。")
def credential() -> None:
    """Hold the commands together."""


@credential.command("add", help="为一个来源新建凭证;secret 只显示一次,本桥不保存。")
@click.option("--source", required=True, metavar="NAME", help="来源名,如 moodle-1(小写字母、数字、. _ -)。")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([str(one) for one in Scope]),
    help=f"权限范围(可多次使用);默认 {'、'.join(_DEFAULT_SCOPES)}。",
)
@click.option("--institution", metavar="ID", help="机构编号;只有一家机构时可以不写。")
@click.option("--registration", metavar="ID", help="该来源所属的学习平台登记:其账号与平台账号视为同一人。")
@click.option(
    "--xapi-version",
    type=click.Choice([str(one) for one in Version]),
    default=str(Version.TWO),
    show_default=True,
    help="该来源使用的最高版本;请求未写明版本时按此版本答复。",
)
@click.option(
    "--conformance", is_flag=True, help="符合性测试专用:虚构人员的数据按原样保存,只能在演示模式使用。"
)
@_by
@_json
def add(
    source: str,
    scopes: tuple[str, ...],
    institution: str | None,
    registration: str | None,
    xapi_version: str,
    conformance: bool,
    by: str,
    as_json: bool,
) -> None:
    """Make a credential and print its secret once."""
    with open_house() as house:
        whose = institution_named(house, institution)
        if registration is not None and not _owns(house, whose, RegistrationId(registration)):
            raise InvalidInput(
                "registration_unknown", "本机构没有这个学习平台登记,请用 ./anxue lti list 查看"
            )
        issued = credentials(house).add(
            whose,
            source,
            [Scope(one) for one in scopes] or _DEFAULT_SCOPES,
            by=by,
            store=Store.CONFORMANCE if conformance else Store.RECORDS,
            registration=None if registration is None else RegistrationId(registration),
            newest=Version(xapi_version),
        )
        endpoint = f"{house.settings.public_url}/xAPI"
    _print_issued(issued, endpoint, as_json)


@credential.command("list", help="列出凭证(不含 secret)。")
@click.option("--institution", metavar="ID", help="只列出一家机构的凭证。")
@_json
def list_command(institution: str | None, as_json: bool) -> None:
    """Print all credentials, or those of one institution."""
    with open_house() as house:
        found = credentials(house).list(None if institution is None else InstitutionId(institution))
    if as_json:
        print_json({"credentials": [_facts(one) for one in found]})
        return
    for one in found:
        click.echo("\n".join(_lines(one)))
    if not found:
        click.echo("还没有凭证。请用 ./anxue intake credential add 新建。")


@credential.command("rotate", help="换一个新的 secret(只显示一次);原 secret 在宽限期内仍然有效。")
@_key
@click.option(
    "--grace-hours",
    type=click.IntRange(0, 24 * 90),
    default=int(GRACE.total_seconds()) // 3600,
    show_default=True,
    help="原 secret 继续有效的小时数;0 为立即失效。",
)
@_json
def rotate(key: str, grace_hours: int, as_json: bool) -> None:
    """Give a credential a new secret."""
    with open_house() as house:
        issued = credentials(house).rotate(key, grace=timedelta(hours=grace_hours))
        endpoint = f"{house.settings.public_url}/xAPI"
    _print_issued(issued, endpoint, as_json)


@credential.command("revoke", help="立即停用一个凭证;已收到的陈述不受影响。")
@_key
@_by
@_json
def revoke(key: str, by: str, as_json: bool) -> None:
    """End a credential."""
    with open_house() as house:
        ended = credentials(house).revoke(key, by=by)
    if as_json:
        print_json(_facts(ended))
        return
    click.echo(f"已停用 {ended.id}({ended.source})。")


def _owns(house: House, institution: InstitutionId, registration: RegistrationId) -> bool:
    try:
        return house.lti_registrations.institution_of(registration) == institution
    except InvalidInput:
        return False


def _print_issued(issued: Issued, endpoint: str, as_json: bool) -> None:
    if as_json:
        print_json({**_facts(issued.credential), "endpoint": endpoint, "secret": issued.secret})
        return
    lines = [
        *_lines(issued.credential),
        f"  地址    {endpoint}",
        f"  secret  {issued.secret}(只显示一次)",
    ]
    if BEARER_SCOPES & {*issued.credential.scopes}:
        lines.append(f"  Bearer  {issued.credential.id}.{issued.secret}(Caliper、Canvas 用;只显示一次)")
    click.echo("\n".join(lines))


def _lines(one: Credential) -> Sequence[str]:
    state = "已停用" if one.revoked_at is not None else "有效"
    lines = [
        f"{one.id}  {one.institution}/{one.source}  {state}",
        f"  权限    {'、'.join(_SCOPE_ZH[scope] for scope in one.scopes)}",
    ]
    if one.store is Store.CONFORMANCE:
        lines.append("  注意    符合性测试专用,数据按原样保存,只限虚构人员")
    if one.previous_until is not None and one.revoked_at is None:
        lines.append(f"  宽限    原 secret 有效至 {rfc3339(one.previous_until)}")
    return lines


def _facts(one: Credential) -> dict[str, Any]:
    def at(instant: Any) -> str | None:
        return None if instant is None else rfc3339(instant)

    return {
        "key": one.id,
        "institution": one.institution,
        "source": one.source,
        "scopes": list(one.scopes),
        "store": one.store,
        "registration": one.registration,
        "xapi_version": one.newest,
        "created_at": at(one.created_at),
        "rotated_at": at(one.rotated_at),
        "previous_until": at(one.previous_until),
        "revoked_at": at(one.revoked_at),
    }
