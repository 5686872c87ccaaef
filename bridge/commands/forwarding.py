"""`./anxue intake forward …`: an institution's own LRS gets every statement that the bridge kept for it."""

from datetime import datetime
from typing import Any

import click

from bridge.commands.intake_upkeep import (
    as_json_option,
    by_option,
    institution_named,
    institution_option,
    open_house,
)
from bridge.intake.forwarding import Forward, Forwarding
from bridge.intake.xapi.model import Version
from bridge.kernel.json_line import failures_told, print_json
from bridge.kernel.time import rfc3339


@click.group("forward", help="把本桥收下的 xAPI 陈述(只含盲标识)转发到机构自己的 LRS。")
def forward() -> None:
    """Hold the commands together."""


@forward.command("set", help="设置或更改机构的 LRS;secret 加密保存。换地址则从头转发,同一地址则接着转发。")
@click.option("--endpoint", required=True, metavar="URL", help="LRS 的 xAPI 地址(其下有 /statements)。")
@click.option("--key", required=True, metavar="KEY", help="LRS 的 Basic 用户名。")
@click.option(
    "--secret",
    prompt="LRS 的 Basic 密码",
    hide_input=True,
    envvar="ANXUE_FORWARD_SECRET",
    help="LRS 的 Basic 密码;不写时会询问(也可放在环境变量 ANXUE_FORWARD_SECRET 中)。",
)
@click.option(
    "--xapi-version",
    type=click.Choice([str(one) for one in Version]),
    default=str(Version.ONE),
    show_default=True,
    help="LRS 使用的版本。",
)
@click.option("--from-now", is_flag=True, help="只转发从现在起收到的陈述。")
@click.option(
    "--allow-private-host",
    metavar="HOST",
    default="",
    help="LRS 在内网时,写明允许连接的主机名(须与地址一致)。",
)
@institution_option
@by_option
@as_json_option
def set_command(
    endpoint: str,
    key: str,
    secret: str,
    xapi_version: str,
    from_now: bool,
    allow_private_host: str,
    institution: str | None,
    by: str,
    as_json: bool,
) -> None:
    """Name the LRS."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            made = Forwarding(tx, house.cipher).set_up(
                endpoint=endpoint,
                key=key,
                secret=secret,
                version=Version(xapi_version),
                by=by,
                demonstration=house.settings.demonstration,
                private_host=allow_private_host,
                from_now=from_now,
            )
        _print(made, house.clock.now(), as_json)


@forward.command("show", help="查看转发进度:已送达、落后多少、被拒多少、最近的失败原因。")
@institution_option
@as_json_option
def show_command(institution: str | None, as_json: bool) -> None:
    """Print how far the LRS has the statements."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose, read_only=True) as tx:
            found = Forwarding(tx, house.cipher).require()
        _print(found, house.clock.now(), as_json)


@forward.command("pause", help="暂停转发;陈述保留,恢复后接着转发。")
@institution_option
@as_json_option
def pause_command(institution: str | None, as_json: bool) -> None:
    """Stop sending."""
    _pause(institution, as_json, paused=True)


@forward.command("resume", help="恢复转发。")
@institution_option
@as_json_option
def resume_command(institution: str | None, as_json: bool) -> None:
    """Go on."""
    _pause(institution, as_json, paused=False)


@forward.command("retry", help="立即重试:先重发被 LRS 拒绝的陈述,不再等待退避时间。")
@institution_option
@as_json_option
def retry_command(institution: str | None, as_json: bool) -> None:
    """Send again what was refused."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            again = Forwarding(tx, house.cipher).retry_refused()
            found = Forwarding(tx, house.cipher).require()
        if as_json:
            print_json({"retried": again, **_facts(found, house.clock.now())})
            return
        click.echo(f"将重发被拒绝的 {again} 条。")
        _print(found, house.clock.now(), as_json=False)


@forward.command("remove", help="取消转发并删除保存的 secret;已送达的陈述仍在机构的 LRS 中。")
@institution_option
@as_json_option
def remove_command(institution: str | None, as_json: bool) -> None:
    """Forget the LRS."""
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            Forwarding(tx, house.cipher).remove()
    if as_json:
        print_json({"institution": whose, "removed": True})
    else:
        click.echo("已取消转发。")


def _pause(institution: str | None, as_json: bool, *, paused: bool) -> None:
    with failures_told(as_json), open_house() as house:
        whose = institution_named(house, institution)
        with house.uow.for_institution(whose) as tx:
            found = Forwarding(tx, house.cipher).pause(paused)
        _print(found, house.clock.now(), as_json)


def _print(one: Forward, now: datetime, as_json: bool) -> None:
    facts = _facts(one, now)
    if as_json:
        print_json(facts)
        return
    state = "已暂停" if one.paused else "转发中"
    lines = [
        f"{one.institution} → {one.endpoint}  xAPI {one.version}  {state}",
        f"  已送达  {one.sent} 条(另有 {one.there_already} 条对方已有)",
        f"  落后    {one.behind} 条,{facts['behind_seconds']} 秒",
    ]
    if one.refused:
        refused = "、".join(f"{reason} {count} 条" for reason, count in sorted(one.refused.items()))
        lines.append(f"  被拒    {refused}(修正后用 ./anxue intake forward retry 重发)")
    if one.reason:
        lines.append(f"  失败    {one.reason},连续 {one.failures} 次,下次 {rfc3339(one.next_at)}")
    click.echo("\n".join(lines))


def _facts(one: Forward, now: datetime) -> dict[str, Any]:
    since = one.behind_since
    return {
        "id": one.id,
        "institution": one.institution,
        "endpoint": one.endpoint,
        "xapi_version": one.version,
        "key": one.key,
        "paused": one.paused,
        "sent": one.sent,
        "there_already": one.there_already,
        "behind": one.behind,
        "behind_seconds": 0 if since is None else max(0, int((now - since).total_seconds())),
        "refused": dict(one.refused),
        "failures": one.failures,
        "reason": one.reason,
        "next_at": rfc3339(one.next_at),
        "last_sent_at": None if one.last_sent_at is None else rfc3339(one.last_sent_at),
    }
